// Лента событий Вехи в файле: строка JSON на каждое событие, каждое один раз, сколько бы его ни
// передавали. Договор — proto/vekha/plugin/v1, как устроен плагин — plugins/README.md.

import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';

const proto = process.env.CONTRACT ?? join(dirname(fileURLToPath(import.meta.url)), '../../../proto');
const files = ['plugin', 'listener'].map((name) => `vekha/plugin/v1/${name}.proto`);
const definition = loader.loadSync(files, { includeDirs: [proto], enums: String, longs: Number, defaults: true, oneofs: true });
const { Plugin, Listener } = grpc.loadPackageDefinition(definition).vekha.plugin.v1;

const description = {
  name: 'feed',
  version: '1.0',
  summary: 'Ведёт ленту событий в файле: строка JSON на каждое.',
  capabilities: ['CAPABILITY_LISTENER'],
  settings: [{ name: 'file', kind: 'KIND_PATH', required: true, help: 'Файл ленты.' }],
};

// google.protobuf.Struct — обычным объектом.
const plain = (struct) =>
  Object.fromEntries(Object.entries(struct?.fields ?? {}).map(([key, value]) => [key, value_of(value)]));
const value_of = (value) => {
  switch (value.kind) {
    case 'structValue': return plain(value.structValue);
    case 'listValue': return value.listValue.values.map(value_of);
    case 'numberValue': return value.numberValue;
    case 'stringValue': return value.stringValue;
    case 'boolValue': return value.boolValue;
    default: return null;
  }
};

let feed; // { file, last }: куда писать и что записано последним

// Последнее записанное; недописанная при сбое строка не в счёт, и следующая не должна к ней пристать.
function opened(file) {
  const text = (() => {
    try { return readFileSync(file, 'utf8'); } catch (e) { if (e.code === 'ENOENT') return ''; throw e; }
  })();
  let last = 0;
  for (const line of text.split('\n')) {
    try { last = Math.max(last, JSON.parse(line).cursor); } catch { /* пустая или недописанная */ }
  }
  return { file, last, torn: text !== '' && !text.endsWith('\n') };
}

const plugin = {
  Describe: (call, answer) => answer(null, description),
  Check: (call, answer) => {
    const { file } = plain(call.request.configuration);
    const problems = [];
    if (!file) {
      problems.push({ field: 'file', message: 'укажите файл ленты' });
    } else {
      try {
        const found = opened(file);
        if (call.request.adopt) feed = found;
      } catch (e) {
        problems.push({ field: 'file', message: `не читается: ${e.message}` });
      }
    }
    answer(null, { problems });
  },
  Health: (call, answer) =>
    answer(null, feed ? { state: 'HEALTH_STATE_HEALTHY' } : { state: 'HEALTH_STATE_UNHEALTHY', reason: 'ещё не настроен' }),
};

const listener = {
  Hear: (call, answer) => {
    if (!feed) return answer({ code: grpc.status.FAILED_PRECONDITION, details: 'плагин ещё не настроен' });
    const { events } = call.request;
    // Курсор растёт: что не больше последнего, уже записано.
    const fresh = events.filter((event) => event.cursor > feed.last);
    const lines = fresh.map(({ id, cursor, run, activity, at, actor, kind, data }) => {
      const when = new Date(Number(at.seconds) * 1000 + at.nanos / 1e6).toISOString();
      return JSON.stringify({ id, cursor, at: when, kind, actor, run, activity, data: plain(data) }) + '\n';
    });
    try {
      if (lines.length > 0) {
        const file = openSync(feed.file, 'a');
        try {
          writeSync(file, (feed.torn ? '\n' : '') + lines.join(''));
          // Взято — значит на диске.
          fsyncSync(file);
        } finally {
          closeSync(file);
        }
        feed.torn = false;
        feed.last = fresh.at(-1).cursor;
      }
      answer(null, { taken: events.length });
    } catch (e) {
      feed.torn = true;
      answer({ code: grpc.status.UNAVAILABLE, details: `лента не записана: ${e.message}` });
    }
  },
};

const socket = process.env.VEKHA_PLUGIN_SOCKET;
if (!socket) {
  console.error('это плагин Вехи: его запускает демон, а проверяет vekha plugin test');
  process.exit(1);
}
const server = new grpc.Server({ 'grpc.max_receive_message_length': 256 << 20 });
server.addService(Plugin.service, plugin);
server.addService(Listener.service, listener);
server.bindAsync(`unix:${socket}`, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
  console.log(`vekha-plugin|1|unix|${socket}`);
});
// Демон закрыл вход — пора завершаться.
process.stdin.resume();
process.stdin.on('end', () => server.tryShutdown(() => process.exit(0)));
