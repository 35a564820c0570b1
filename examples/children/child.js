// child.js - the child side of gofer's child protocol (docs/children.md), plain JavaScript.
//
//     gofer worker --child '=node child.js'
//
// As many tasks at once as WANT says: each is begun as it comes, and ended when its promise is
// settled.
'use strict';
const net = require('node:net');

const [DONE, RETRY, SKIP_RETRY, REVOKE, REQUEUE, SNOOZE] = [0, 1, 2, 3, 4, 5];
const WANT = 100;

class Outcome extends Error {
  constructor(outcome, text = '', delayMs = -1) {
    super(text);
    Object.assign(this, { outcome, delayMs });
  }
}

function u32(...numbers) {
  const out = Buffer.alloc(4 * numbers.length);
  numbers.forEach((n, i) => out.writeUInt32BE(n, 4 * i));
  return out;
}

function i64(...numbers) {
  const out = Buffer.alloc(8 * numbers.length);
  numbers.forEach((n, i) => out.writeBigInt64BE(BigInt(n), 8 * i));
  return out;
}

class Task {
  constructor(child, body) {
    this.child = child;
    [this.ref, this.attempt, this.maxRetry] = [0, 4, 8].map((at) => body.readUInt32BE(at));
    this.timeoutMs = Number(body.readBigInt64BE(12));
    this.deadlineMs = Number(body.readBigInt64BE(20));
    let at = 40;
    const cut = (size) => body.subarray(at, (at += size));
    this.id = cut(body[29]).toString();
    this.type = cut(body[30]).toString();
    this.queue = cut(body[31]).toString();
    const words = cut(body.readUInt32BE(32)).toString().split('\0');
    this.headers = {};
    for (let i = 0; i + 1 < words.length; i += 2) this.headers[words[i]] = words[i + 1];
    const checkpoint = Buffer.from(cut(body.readUInt32BE(36)));
    this.checkpoint = body[28] ? checkpoint : null;
    this.payload = Buffer.from(body.subarray(at));
    this.abort = new AbortController();
  }
  progress(done, total = 0, text = '') {
    this.child.send('p', u32(this.ref), i64(done, total), Buffer.from(text));
  }
  log(text, level = 1) {
    this.child.send('l', u32(this.ref), Buffer.from([level]), Buffer.from(text));
  }
  keep(bytes) { this.child.send('c', u32(this.ref), Buffer.from(bytes)); }
}

class Child {
  constructor(handlers) {
    this.handlers = handlers;
    this.running = new Map();
    this.bytes = Buffer.alloc(0);
    this.socket = new net.Socket({ fd: Number(process.env.GOFER_CHILD_FD) });
    this.socket.on('data', (more) => this.read(more));
    this.socket.on('end', () => process.exit(0));
    this.socket.on('error', () => process.exit(1));
    process.on('SIGINT', () => {}); // the worker says when it is time
  }

  send(kind, ...parts) {
    const body = Buffer.concat(parts);
    this.socket.write(Buffer.concat([u32(body.length + 1), Buffer.from(kind), body]));
  }

  end(ref, outcome, text = '', result = Buffer.alloc(0), delayMs = -1) {
    const words = Buffer.from(text);
    const head = [u32(ref), Buffer.from([outcome]), i64(delayMs), u32(words.length)];
    this.send('e', ...head, words, result);
  }

  read(more) {
    this.bytes = Buffer.concat([this.bytes, more]);
    let at = 0;
    this.socket.cork();
    const left = () => this.bytes.length - at;
    while (left() >= 5 && left() >= 4 + this.bytes.readUInt32BE(at)) {
      const end = at + 4 + this.bytes.readUInt32BE(at);
      this.heed(String.fromCharCode(this.bytes[at + 4]), this.bytes.subarray(at + 5, end));
      at = end;
    }
    this.bytes = this.bytes.subarray(at);
    process.nextTick(() => this.socket.uncork());
  }

  heed(kind, body) {
    if (kind === 'T') this.run(new Task(this, body));
    else if (kind === 'C') this.running.get(body.readUInt32BE(0))?.abort.abort();
    // 'R' and 'S' ask for what has not begun: everything here has.
  }

  find(type) {
    const fits = (p) => p === type || (p.endsWith('*') && type.startsWith(p.slice(0, -1)));
    const patterns = Object.keys(this.handlers).filter(fits);
    return this.handlers[patterns.sort((a, b) => b.length - a.length)[0]];
  }

  async run(task) {
    this.running.set(task.ref, task);
    this.send('b', u32(task.ref));
    try {
      const result = await this.find(task.type)(task);
      const bytes = result === undefined ? undefined : Buffer.from(JSON.stringify(result));
      this.end(task.ref, DONE, '', bytes);
    } catch (e) {
      if (e instanceof Outcome) this.end(task.ref, e.outcome, e.message, undefined, e.delayMs);
      else this.end(task.ref, RETRY, String(e?.stack ?? e));
    }
    this.running.delete(task.ref);
  }

  serve(name = 'node') {
    const types = Object.keys(this.handlers).map((pattern) => `type ${pattern}\n`).join('');
    this.send('h', Buffer.from(`protocol 1\nname ${name}\nwant ${WANT}\n${types}`));
  }
}

new Child({
  'math:add': (task) => JSON.parse(task.payload).reduce((a, b) => a + b, 0),
  pages: (task) => {
    const start = Number(task.checkpoint ?? 0);
    for (let page = start; page < 5; page++) {
      task.progress(page + 1, 5, `page ${page + 1}`);
      task.keep(String(page + 1));
      if (page === 2 && start === 0) throw new Outcome(RETRY, 'the third page is not there yet', 0);
    }
    task.log('all pages are in');
    return { from: start };
  },
}).serve('child.js');
