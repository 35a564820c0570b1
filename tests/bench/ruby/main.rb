# main.rb - Sidekiq, measured as bench.c measures gofer: one figure a call, in lines "name value".
#
#   main.rb enqueue ADDRESS THREADS COUNT BATCH NAME
#   main.rb backlog ADDRESS COUNT
#   main.rb drain ADDRESS COUNT NAME there
#   main.rb work ADDRESS              a worker until killed
#   main.rb await ADDRESS COUNT NAME  until such a backlog is gone
#   main.rb latency ADDRESS ROUNDS NAME
#   main.rb live ADDRESS COUNT RATE NAME
#
# What a task is like comes from the environment, as in bench.h, but that none fails or is kept. A
# worker has ten threads.
require "json"
require "rbconfig"
require "sidekiq"
require "sidekiq/api"

# Of what a newer client library will do otherwise, which an older Sidekiq causes with every call.
Redis.silence_deprecations = true if defined?(Redis) && Redis.respond_to?(:silence_deprecations=)

def knob(name, otherwise)
  Integer(ENV.fetch(name, otherwise))
end

SLOTS = knob("BENCH_SLOTS", 10)
TEXT = "x" * [0, knob("BENCH_PAYLOAD", 64) - 8].max

def now # CLOCK_MONOTONIC in nanoseconds, the same in all processes
  Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)
end

def seconds(from)
  (now - from) / 1e9
end

def cpu_us
  Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID, :float_microsecond)
end

# The most that this process has had resident.
def memory_kib
  File.read("/proc/self/status")[/VmHWM:\s*(\d+)/, 1]
end

# What the threads of a worker have to say: the index or the latency of each job, as it starts.
STARTED = Thread::Queue.new

class Noop
  include Sidekiq::Job
  sidekiq_options retry: false

  WORK_S = knob("BENCH_WORK_MS", 0) / 1e3

  def perform(_text, sent = nil)
    STARTED << (sent ? now - sent : jid)
    sleep WORK_S if WORK_S.positive?
  end
end

def put(count, batch)
  if batch == 1
    count.times { Noop.perform_async(TEXT) }
  else
    (0...count).step(batch) do |at|
      some = [batch, count - at].min
      Sidekiq::Client.push_bulk("class" => Noop, "args" => Array.new(some) { [TEXT] })
    end
  end
end

# By the queue: what a worker has taken is not in it any more.
def await_less(than, pause_s = 0.001)
  queue = Sidekiq::Queue.new("default")
  sleep pause_s until queue.size < than
end

def redis_at(address, connections)
  { url: "redis://#{address}/0", size: connections }
end

# A worker in this process: as `sidekiq` has it, without the wait for signals.
def start_worker(address)
  if Sidekiq.respond_to?(:configure_embed) # 7 and later
    worker = Sidekiq.configure_embed do |config|
      config.redis = redis_at(address, SLOTS + 5)
      config.concurrency = SLOTS
      config.queues = ["default"]
      config.logger.level = Logger::FATAL
    end
    worker.run
  else
    require "sidekiq/cli"
    require "sidekiq/launcher"
    Sidekiq.redis = redis_at(address, SLOTS + 5)
    Sidekiq.options.merge!(concurrency: SLOTS, queues: ["default"])
    Sidekiq::Launcher.new(Sidekiq.options).run
  end
end

def print_times(name, all)
  all.sort!
  at = ->(share) { all[(all.size * share).to_i] / 1e3 }
  printf("%s_p50_us %.1f\n%s_p99_us %.1f\n", name, at[0.5], name, at[0.99])
end

# A worker in a process of its own, which says a line when it is ready.
def with_served(address, count)
  IO.popen([RbConfig.ruby, __FILE__, "serve", address, count.to_s]) do |child|
    child.gets or raise "the worker has not started"
    yield child
  ensure
    Process.kill("KILL", child.pid)
  end
end

# Of latency (count 0) and live: tells each latency, or all at the end with when the last started.
def serve(address, count)
  $stdout.sync = true
  start_worker(address)
  puts "ready"
  loop { puts STARTED.pop } if count.zero?
  all = Array.new(count) { STARTED.pop }
  puts JSON.generate("all" => all, "ended" => now, "cpu" => cpu_us)
  sleep
end

def enqueue(threads, count, batch, name)
  put(1, 1) # its connection
  each = count / threads
  before, begun = cpu_us, now
  Array.new(threads) { Thread.new { put(each, batch) } }.each(&:join)
  took = seconds(begun)
  printf("%s %.0f\n", name, each * threads / took)
  printf("%s_client_cpu_us %.2f\n", name, (cpu_us - before) / (each * threads))
end

def drain(address, count, name)
  before, begun = cpu_us, now
  start_worker(address)
  count.times { STARTED.pop }
  await_less(1)
  took = seconds(begun)
  printf("%s %.0f\n", name, count / took)
  printf("%s_worker_cpu_us %.2f\n%s_worker_kib %s\n", name, (cpu_us - before) / count, name,
         memory_kib)
end

def await(count, name)
  await_less(count)
  begun = now
  await_less(1)
  printf("%s %.0f\n", name, count / seconds(begun))
end

def latency(address, rounds, name)
  with_served(address, 0) do |child|
    one = lambda do
      Noop.perform_async(TEXT, now)
      Integer(child.gets)
    end
    5.times { one.call }
    all = Array.new(rounds) do |i|
      sleep((5 + (i % 11)) / 1e3)
      one.call
    end
    print_times(name, all)
  end
end

def live(address, count, rate, name)
  with_served(address, count) do |child|
    before, begun = cpu_us, now
    count.times do |i|
      ahead = rate.positive? ? (i / rate.to_f) - seconds(begun) : 0
      sleep ahead if ahead.positive?
      Noop.perform_async(TEXT, now)
    end
    own = cpu_us - before
    heard = JSON.parse(child.gets)
    printf("%s %.0f\n", name, count * 1e9 / (heard["ended"] - begun))
    printf("%s_client_cpu_us %.2f\n%s_worker_cpu_us %.2f\n", name, own / count, name,
           heard["cpu"] / count)
    print_times(name, heard["all"])
  end
end

mode, address, *words = ARGV
abort "usage: main.rb MODE ADDRESS ...; see its head" unless address
Sidekiq.logger.level = Logger::FATAL
Sidekiq.configure_client { |config| config.redis = redis_at(address, 20) }
case mode
when "enqueue" then enqueue(*words[0, 3].map { |word| Integer(word) }, words[3])
when "backlog" then put(Integer(words[0]), 100)
when "drain" then drain(address, Integer(words[0]), words[1])
when "work"
  start_worker(address)
  sleep
when "await" then await(Integer(words[0]), words[1])
when "serve" then serve(address, Integer(words[0]))
when "latency" then latency(address, Integer(words[0]), words[1])
when "live" then live(address, Integer(words[0]), Integer(words[1]), words[2])
else abort "no such mode: #{mode}"
end
$stdout.flush
exit! 0 # without waiting for its worker
