# child.rb - the child side of gofer's child protocol (docs/children.md), plain Ruby.
#
#     gofer worker --child '=ruby child.rb'
#
# One task at a time.
require "json"
require "socket"

DONE, RETRY, SKIP_RETRY, REVOKE, REQUEUE, SNOOZE = *0..5

# Raised by a handler that does not simply succeed or fail.
class Outcome < StandardError
  attr_reader :outcome, :delay_ms

  def initialize(outcome, text = "", delay_ms = -1)
    super(text)
    @outcome = outcome
    @delay_ms = delay_ms
  end
end

class Task
  attr_reader :ref, :attempt, :max_retry, :timeout_ms, :deadline_ms, :id, :type, :queue, :headers,
              :checkpoint, :payload

  def initialize(child, body)
    @child = child
    @ref, @attempt, @max_retry, @timeout_ms, @deadline_ms, kept, *sizes =
      body.unpack("NNNq>q>CCCCNN")
    at = 40
    parts = sizes.map { |size| body.byteslice(at, size).tap { at += size } }
    @id, @type, @queue = parts[0, 3].map { |text| text.force_encoding("UTF-8") }
    @headers = parts[3].split("\0", -1)[0..-2].to_a.each_slice(2).to_h
    @checkpoint = kept == 1 ? parts[4] : nil
    @payload = body.byteslice(at..)
  end

  def progress(done, total = 0, text = "")
    @child.send_frame("p", [@ref, done, total].pack("Nq>q>") + text.b, now: true)
  end

  def log(text, level = 1)
    @child.send_frame("l", [@ref, level].pack("NC") + text.b, now: true)
  end

  def keep(bytes)
    @child.send_frame("c", [@ref].pack("N") + bytes.b, now: true)
  end
end

class Child
  def initialize(handlers)
    @handlers = handlers
    @socket = UNIXSocket.for_fd(Integer(ENV.fetch("GOFER_CHILD_FD")))
    @bytes = "".b
    @answer = "".b
    @waiting = []
  end

  def send_frame(kind, body, now: false)
    @answer << [1 + body.bytesize].pack("N") << kind << body
    flush if now
  end

  def flush
    @socket.write(@answer) unless @answer.empty?
    @answer = "".b
  end

  def finish(ref, outcome, text: "", result: "", delay_ms: -1)
    send_frame("e", [ref, outcome, delay_ms, text.bytesize].pack("NCq>N") + text.b + result.b)
  end

  # Takes in all frames that are there; false at the end.
  def read(wait)
    more = wait ? @socket.readpartial(1 << 18) : @socket.read_nonblock(1 << 18, exception: false)
    return true if more == :wait_readable
    return false if more.nil?

    @bytes << more
    while @bytes.bytesize >= 5 && @bytes.bytesize >= 4 + (size = @bytes.unpack1("N"))
      heed(@bytes.byteslice(4), @bytes.byteslice(5, size - 1))
      @bytes = @bytes.byteslice((4 + size)..)
    end
    true
  rescue EOFError
    false
  end

  def heed(kind, body)
    case kind
    when "T" then @waiting << Task.new(self, body)
    when "C" then give_back(@waiting.select { |task| task.ref == body.unpack1("N") })
    when "R", "S" then give_back(@waiting.dup)
    end
  end

  def give_back(tasks)
    tasks.each do |task|
      @waiting.delete(task)
      finish(task.ref, REQUEUE)
    end
  end

  def find(type)
    fits = @handlers.keys.select do |p|
      p == type || (p.end_with?("*") && type.start_with?(p[0..-2]))
    end
    @handlers.fetch(fits.max_by(&:length))
  end

  # The answer to the task before goes out with this one's begin: so it is known which of them ran.
  def run(task)
    send_frame("b", [task.ref].pack("N"))
    flush
    result = find(task.type).call(task)
    finish(task.ref, DONE, result: result.nil? ? "" : JSON.generate(result))
  rescue Outcome => e
    finish(task.ref, e.outcome, text: e.message, delay_ms: e.delay_ms)
  rescue StandardError => e
    finish(task.ref, RETRY, text: e.full_message(highlight: false))
  end

  def serve(name = "ruby")
    trap("INT", "IGNORE") # the worker says when it is time
    types = @handlers.keys.map { |pattern| "type #{pattern}\n" }.join
    send_frame("h", "protocol 1\nname #{name}\nwant 1\n#{types}")
    flush
    while read(@waiting.empty?)
      run(@waiting.shift) unless @waiting.empty?
      flush if @waiting.empty?
    end
  end
end

add = ->(task) { JSON.parse(task.payload).sum }
pages = lambda do |task|
  start = task.checkpoint.to_i
  (start...5).each do |page|
    task.progress(page + 1, 5, "page #{page + 1}")
    task.keep((page + 1).to_s)
    raise Outcome.new(RETRY, "the third page is not there yet", 0) if page == 2 && start.zero?
  end
  task.log("all pages are in")
  { from: start }
end
Child.new({ "math:add" => add, "pages" => pages }).serve("child.rb")
