/* live: asks /status and /history, shows them, and keeps nothing that the worker does not have. */
const STATUS_MS = 2000;
const HISTORY_MS = 10000;

/* ---- now ---- */

let before = null;

const per_second = (status, at_ms) => {
  const done = status.pool.finished;
  const r = before && at_ms > before.at_ms ? ((done - before.done) * 1000) / (at_ms - before.at_ms) : null;
  if (!before || at_ms - before.at_ms >= STATUS_MS) before = { at_ms, done };
  return r;
};

/* The four largest reasons; the worker puts the largest first. */
const shares_of = (part) => Object.entries(part.shares).slice(0, 4)
  .map(([why, x]) => `${why.replaceAll('_', ' ')} ${share(x)}`).join(', ') || 'nothing';

const put_tiles = (status, at_ms) => {
  const p = status.pool;
  const failed = p.finished - p.outcomes.success;
  const speed = per_second(status, at_ms);
  const waiting = p.waiting_for_limits + p.waiting_for_retry;
  const cached = p.finished ? p.cache_hits / p.finished : 0;

  put_pairs($('tiles'), [
    ['rate', 'Tasks a second', speed === null ? '–' : rate(speed), ''],
    ['finished', 'Done', whole(p.finished), p.finished],
    ['failed', 'Of these failed', whole(failed), failed],
    ['in_flight', 'In flight', whole(p.in_flight), p.in_flight],
    ['calling', 'Calls running', whole(p.calling), p.calling],
    ['waiting', 'Waiting for a model', whole(waiting), waiting],
    ['cache_hits', 'From the cache', share(cached), p.cache_hits],
    ['cost_usd', 'Cost', usd(p.cost_usd), p.cost_usd],
    ['task_p50', 'Task p50', ms(p.task_ms.p50), p.task_ms.p50],
    ['task_p95', 'Task p95', ms(p.task_ms.p95), p.task_ms.p95],
    ['task_p99', 'Task p99', ms(p.task_ms.p99), p.task_ms.p99],
    ['call_p50', 'Call p50', ms(p.call_ms.p50), p.call_ms.p50],
  ]);
  $('limiter').textContent = `Held up in the last minute by ${shares_of(p.held_up.minute)}`;
};

const put_state = (status) => {
  const e = $('state');
  const words = status.ready ? 'ready' : `not ready: ${status.not_ready.join(', ').replaceAll('_', ' ')}`;
  if (e.textContent !== words) e.textContent = words; /* else a screen reader would say it each time */
  e.className = `state ${status.ready ? 'good' : 'warn'}`;
  $('about').textContent = `version ${status.version}, up ${seconds(status.uptime_s)}, ` +
    `memory ${bytes(status.resident_bytes)}, as of ${clock(Date.now())}`;
};

/* ---- tables ---- */

const put_limits = (limits) => {
  const div = el('div');
  for (const [name, l] of Object.entries(limits)) {
    const line = el('div', undefined, { class: 'limit' });
    line.append(
      el('meter', undefined, { min: 0, max: l.limit, value: Math.min(l.used, l.limit), 'aria-label': name.replaceAll('_', ' ') }),
      ` ${whole(l.used)} of ${whole(l.limit)} ${name.replaceAll('_', ' ')}`);
    div.append(line);
  }
  if (!div.children.length) div.append('none set');
  return div;
};

const state_of = (m) => {
  const c = m.cooling;
  const of = m.state === 'ok' ? 'good' : m.state === 'off' ? 'bad' : 'warn';
  return { text: m.state, of, small: c ? `${c.why.replaceAll('_', ' ')}, ${seconds(c.for_s)} more` : '' };
};

const put_models = (status) => {
  put_rows($('models'), status.models.map((m) => [
    { text: m.model, of: '', small: `${m.provider}/${m.upstream_model}, row ${m.row}` },
    state_of(m), number(m.in_flight), number(m.calls),
    { text: m.calls ? share((m.classes.ok || 0) / m.calls) : '–', of: 'number' },
    put_limits(m.limits), { text: shares_of(m.held_up.minute), of: '', small: m.held_up.minute.change }, number(m.tokens.input), number(m.tokens.output),
    { text: usd(m.cost_usd), of: 'number' },
  ]), 'no model');
};

const put_errors = (status) => {
  const line = (e, where) => [
    e.class.replaceAll('_', ' '), where, number(e.count), clock(e.last_at),
    { text: e.last_status ? String(e.last_status) : '–', of: 'number' },
    { text: e.last_task_id, of: 'id' },
  ];
  put_rows($('errors'), [
    ...status.failed_tasks.map((e) => line(e, 'tasks')),
    ...status.failed_calls.map((e) => line(e, `calls to ${e.model}`)),
  ], 'none so far');
};

const put_parts = (status) => {
  const k = status.kafka;
  const s = status.store;
  put_pairs($('parts'), [
    ['delivery', 'Delivery', k.delivery.replaceAll('_', ' '), k.delivery],
    ['partitions', 'Partitions', `${whole(k.partitions)}, ${whole(k.partitions_paused)} paused`, k.partitions],
    ['open', 'Open records', whole(k.open), k.open],
    ['unread', 'Not read yet', k.unread === null ? 'not known' : whole(k.unread), k.unread ?? ''],
    ['head_age', 'Oldest open record', seconds(k.head_age_s), k.head_age_s],
    ['replies', 'Replies', whole(k.replies), k.replies],
    ['dead_letters', 'Dead letters', whole(k.dead_letters), k.dead_letters],
    ['commit_p99', 'Commit p99', ms(k.commit_ms.p99), k.commit_ms.p99],
    ['store', 'Store', s.failing ? 'failing' : 'well', s.failing],
    ['completions', 'Completions kept', `${whole(s.completions)}, ${bytes(s.completion_bytes)}`, s.completions],
    ['outcomes', 'Outcomes kept', `${whole(s.outcomes)}, ${bytes(s.outcome_bytes)}`, s.outcomes],
  ]);
};

/* ---- plots ---- */

const plots = [
  { title: 'Tasks a second', show: rate, lines: (h) => [['done', a_second(h, h.finished)], ['failed', a_second(h, h.failed)]] },
  { title: 'In the pool', show: whole, lines: (h) => [['in flight', h.in_flight], ['calls', h.calling], ['waiting', h.waiting]] },
  { title: 'Time of a task', show: ms, lines: (h) => [['p50', h.p50_ms], ['p95', h.p95_ms], ['p99', h.p99_ms]] },
  { title: 'Cost an hour', show: usd, lines: (h) => [['cost', a_second(h, h.cost_usd).map((v) => (v === null ? null : v * 3600))]] },
  { title: 'From the cache', show: share, top: 1, lines: (h) => {
    const done = diff(h.finished);
    return [['hits', diff(h.hits).map((v, i) => (done[i] ? Math.min(1, v / done[i]) : null))]];
  } },
];

/* The plots reach back to the first point, ten minutes at least. */
const reach = (h) => {
  const to = Date.now();
  const ms = Math.min(3600000, Math.max(600000, to - (h.at_ms[0] ?? to)));
  return { from: to - ms, to, from_words: `${Math.round(ms / 60000)} min ago`, to_words: 'now', when: clock };
};

/* ---- asking ---- */

/* A worker may want its token for reading, too. It is behind #token= in the address: what stands there, no browser sends. */
const token = () => new URLSearchParams(location.hash.slice(1)).get('token');

const ask = async (path) => {
  const headers = token() ? { authorization: `Bearer ${token()}` } : {};
  const answer = await fetch(path, { headers, cache: 'no-store', signal: AbortSignal.timeout(4000) });
  if (answer.status === 401) throw new Error('it wants its token, behind the address of this page: #token=TOKEN');
  if (!answer.ok) throw new Error(`${path} answers ${answer.status}`);
  return answer.json();
};

const show_status = async () => {
  const status = await ask('/status');
  put_state(status);
  put_models(status);
  if (!status.pool) return; /* it starts */
  put_tiles(status, performance.now());
  put_errors(status);
  put_parts(status);
};

const show_history = async () => {
  const h = await ask('/history');
  plots.forEach((p) => draw(p, h, reach(h)));
};

/* Asks again after a while, for as long as somebody may be looking. */
const every = (time_ms, show) => {
  const turn = async () => {
    try {
      if (!document.hidden) await show();
      document.body.dataset.shown = '1';
    } catch (e) {
      $('state').textContent = `no answer from the worker: ${e.message}`;
      $('state').className = 'state bad';
    }
    setTimeout(turn, time_ms);
  };
  turn();
  document.addEventListener('visibilitychange', () => { if (!document.hidden) show().catch(() => {}); });
};

every(STATUS_MS, show_status);
every(HISTORY_MS, show_history);
