// main.js - BullMQ, measured as bench.c measures gofer: one figure a call, in lines "name value".
//
//   main.js enqueue ADDRESS THREADS COUNT BATCH NAME    threads: calls that are under way at a time
//   main.js backlog ADDRESS COUNT
//   main.js drain ADDRESS COUNT NAME there
//   main.js work ADDRESS              a worker until killed
//   main.js await ADDRESS COUNT NAME  until such a backlog is gone
//   main.js latency ADDRESS ROUNDS NAME
//   main.js live ADDRESS COUNT RATE NAME
//   main.js timed ADDRESS TOTAL RATE SECONDS NAME
//
// What a task is like comes from the environment, as in bench.h. Jobs are removed when they are
// done, or after their retention, and a worker runs ten at a time.
'use strict';
const { fork } = require('node:child_process');
const { readFileSync } = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
const { Queue, UnrecoverableError, Worker } = require('bullmq');

const knob = (name, otherwise) => Number(process.env[name] || otherwise);
const now = () => process.hrtime.bigint(); // CLOCK_MONOTONIC, the same in all processes
const seconds = (from) => Number(now() - from) / 1e9;
const text = 'x'.repeat(Math.max(0, knob('BENCH_PAYLOAD', 64) - 8));
const kept = knob('BENCH_KEEP_S', 0);
const options = {
  removeOnComplete: kept ? { age: kept } : true,
  removeOnFail: kept ? { age: kept } : true,
};

function connection(address) {
  const [host, port] = address.split(':');
  return { host, port: Number(port), maxRetriesPerRequest: null };
}

function cpuUs() {
  const used = process.cpuUsage();
  return used.user + used.system;
}

// The most that this process has had resident. Of getrusage's the parent's is a part.
function memoryKib() {
  return /VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1];
}

function put(queue, data) {
  return queue.add('noop', data, options);
}

async function feed(queue, count, batch) {
  for (let left = count; left > 0; left -= batch) {
    const some = Math.min(left, batch);
    if (batch === 1) await put(queue, { text });
    else
      await queue.addBulk(
        Array.from({ length: some }, () => ({ name: 'noop', data: { text }, opts: options })),
      );
  }
}

// The index-th task.
async function work(index) {
  const ms = knob('BENCH_WORK_MS', 0);
  if (ms) await sleep(ms);
  if (index % 100 < knob('BENCH_FAIL', 0)) throw new UnrecoverableError('as asked for');
}

function worker(address, run) {
  const concurrency = knob('BENCH_SLOTS', 10);
  return new Worker('default', run, { connection: connection(address), concurrency });
}

async function awaitLess(queue, than, pause) {
  for (;;) {
    const counts = await queue.getJobCounts('wait', 'active', 'prioritized', 'delayed');
    const left = Object.values(counts).reduce((sum, some) => sum + some, 0);
    if (left < than) return;
    await sleep(pause);
  }
}

function printTimes(name, all) {
  all.sort((a, b) => a - b);
  const at = (share) => all[Math.floor(all.length * share)] / 1e3;
  console.log(`${name}_p50_us ${at(0.5).toFixed(1)}`);
  console.log(`${name}_p99_us ${at(0.99).toFixed(1)}`);
}

const latency = (job) => Number(now() - BigInt(job.data.sent));
const stamped = () => ({ sent: String(now()), text });

// A worker in a process of its own.
async function started(mode, ...words) {
  const child = fork(__filename, [mode, ...words], { serialization: 'advanced' });
  child.once('exit', (code) => code && process.exit(code)); // it has said why
  await new Promise((ready) => child.once('message', ready));
  return child;
}

const next = (child) => new Promise((heard) => child.once('message', heard));

const modes = {
  async enqueue(queue, address, threads, count, batch, name) {
    await feed(queue, 1, 1); // its connection
    const each = Math.floor(count / threads);
    const before = cpuUs();
    const begun = now();
    await Promise.all(Array.from({ length: threads }, () => feed(queue, each, Number(batch))));
    const took = seconds(begun);
    console.log(`${name} ${((each * threads) / took).toFixed(0)}`);
    console.log(`${name}_client_cpu_us ${((cpuUs() - before) / (each * threads)).toFixed(2)}`);
  },

  async backlog(queue, address, count) {
    await feed(queue, Number(count), 100);
  },

  async drain(queue, address, count, name) {
    const before = cpuUs();
    const begun = now();
    let left = Number(count);
    await new Promise((done) => {
      worker(address, async () => {
        const at = left--;
        if (at === 1) done();
        await work(at);
      });
    });
    await awaitLess(queue, 1, 1);
    console.log(`${name} ${(count / seconds(begun)).toFixed(0)}`);
    console.log(`${name}_worker_cpu_us ${((cpuUs() - before) / count).toFixed(2)}`);
    console.log(`${name}_worker_kib ${memoryKib()}`);
  },

  async work(queue, address) {
    worker(address, () => work(100));
    await new Promise(() => {});
  },

  async await(queue, address, count, name) {
    await awaitLess(queue, Number(count), 1);
    const begun = now();
    await awaitLess(queue, 1, 1);
    console.log(`${name} ${(count / seconds(begun)).toFixed(0)}`);
  },

  // Of latency and live: tells each latency, or all at the end with when the last started.
  async serve(queue, address, count) {
    const all = [];
    const it = worker(address, async (job) => {
      all.push(latency(job));
      if (!count) process.send(all.pop());
      else if (all.length === Number(count))
        process.send({ all, ended: now(), cpu: cpuUs() });
    });
    await it.waitUntilReady();
    process.send('ready');
    await new Promise(() => {});
  },

  async latency(queue, address, rounds, name) {
    const child = await started('serve', address);
    const one = async () => {
      const heard = next(child);
      await put(queue, stamped());
      return heard;
    };
    for (let i = 0; i < 5; i++) await one();
    const all = [];
    for (let i = 0; i < rounds; i++) {
      await sleep(5 + (i % 11));
      all.push(await one());
    }
    child.kill('SIGKILL');
    printTimes(name, all);
  },

  async live(queue, address, count, rate, name) {
    const child = await started('serve', address, count);
    const heard = next(child);
    const before = cpuUs();
    const begun = now();
    for (let i = 0; i < count; i++) {
      const ahead = rate > 0 ? i / rate - seconds(begun) : 0;
      if (ahead > 0) await sleep(ahead * 1e3);
      await put(queue, stamped());
    }
    const own = cpuUs() - before;
    const { all, ended, cpu } = await heard;
    await awaitLess(queue, 1, 1);
    child.kill('SIGKILL');
    console.log(`${name} ${((count * 1e9) / Number(ended - begun)).toFixed(0)}`);
    console.log(`${name}_client_cpu_us ${(own / count).toFixed(2)}`);
    console.log(`${name}_worker_cpu_us ${(cpu / count).toFixed(2)}`);
    printTimes(name, all);
  },

  // A payload is the time at which its job is due.
  async timed(queue, address, total, rate, lasting, name) {
    const putAt = async (count, due) => {
      for (let left = count; left > 0; left -= 500)
        await queue.addBulk(
          Array.from({ length: Math.min(left, 500) }, () => ({
            name: 'noop', data: { due }, opts: { ...options, delay: Math.max(0, due - Date.now()) },
          })),
        );
    };
    const tried = 4000;
    const tryBegun = Date.now();
    await putAt(tried, tryBegun + 86400e3); // how long it takes: nobody waits for these
    const lead = 2000 + ((Date.now() - tryBegun) * 2 * total) / tried;
    const first = Math.floor((Date.now() + lead) / 1000) * 1000;
    for (let second = Math.floor((total - 1) / rate); second >= 0; second--)
      await putAt(Math.min(total - second * rate, rate), first + second * 1000);
    if (Date.now() >= first) throw new Error('too slow: jobs were due before all were in');
    await sleep(first - 500 - Date.now());
    const count = Math.min(total, rate * lasting);
    const all = [];
    const before = cpuUs();
    await new Promise((done) => {
      worker(address, async (job) => {
        all.push((Date.now() - job.data.due) * 1e6);
        if (all.length === count) done();
      });
    });
    console.log(`${name} ${((count * 1e3) / (Date.now() - first)).toFixed(0)}`);
    console.log(`${name}_worker_cpu_us ${((cpuUs() - before) / count).toFixed(2)}`);
    printTimes(name, all.slice(0, count));
  },
};

async function main() {
  const [mode, address, ...words] = process.argv.slice(2);
  if (!modes[mode] || !address) throw new Error('usage: main.js MODE ADDRESS ...; see its head');
  const queue = new Queue('default', { connection: connection(address) });
  await modes[mode](queue, address, ...words);
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error.message);
    process.exit(1);
  },
);
