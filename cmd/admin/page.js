'use strict';
/* Asks /status and /history, shows them, and keeps nothing that the worker does not have. Texts that come from
 * outside (ids of tasks, names of models) are only ever set as text. */
const STATUS_MS = 2000;
const HISTORY_MS = 10000;
const $ = (id) => document.getElementById(id);

const el = (name, text, attributes = {}) => {
  const e = document.createElement(name);
  if (text !== undefined) e.textContent = text;
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  return e;
};
const svg = (name, attributes) => {
  const e = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  return e;
};

/* ---- numbers as words ---- */

const whole = (n) => Number(n || 0).toLocaleString('en-US', { maximumFractionDigits: 0 });
const rate = (n) => Number(n || 0).toLocaleString('en-US', { maximumFractionDigits: n < 10 ? 1 : 0 });
const share = (n) => `${(n * 100).toFixed(n > 0 && n < 0.1 ? 1 : 0)} %`;
const usd = (n) => `$${(n || 0).toFixed((n || 0) < 100 ? 4 : 2)}`;
const ms = (n) => (n === null || n === undefined ? '–' : n < 1000 ? `${Math.round(n)} ms` : seconds(n / 1000));
const seconds = (s) => {
  if (s < 60) return `${s.toFixed(1)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
  if (s < 172800) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
};
const bytes = (n) => {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let i = 0;
  for (n = n || 0; n >= 1024 && i < units.length - 1; i++) n /= 1024;
  return `${i ? n.toFixed(1) : n} ${units[i]}`;
};
const clock = (t) => new Date(t).toLocaleTimeString('en-GB');

/* ---- now ---- */

/* Replaces the pairs of a list; data-key and data-value hold what /status says. */
const put_pairs = (list, pairs) => {
  list.replaceChildren(...pairs.map(([key, name, text, value]) => {
    const div = el('div');
    div.append(el('dt', name), el('dd', text, { 'data-key': key, 'data-value': value }));
    return div;
  }));
};

let before = null;

const per_second = (status, at_ms) => {
  const done = status.pool.finished;
  const r = before && at_ms > before.at_ms ? ((done - before.done) * 1000) / (at_ms - before.at_ms) : null;
  if (!before || at_ms - before.at_ms >= STATUS_MS) before = { at_ms, done };
  return r;
};

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
  const by = [p.limited_by, p.limited_by_model].filter(Boolean).join(', ');
  $('limiter').textContent = `Limited by: ${by || 'nothing'}`;
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

const put_rows = (table, rows, none) => {
  const names = [...table.tHead.rows[0].cells].map((c) => c.textContent);
  const body = table.tBodies[0];

  body.replaceChildren(...rows.map((cells) => {
    const tr = el('tr');
    cells.forEach((c, i) => {
      const cell = el(i ? 'td' : 'th', undefined, i ? { 'data-label': names[i] } : { scope: 'row' });
      if (c instanceof Node) cell.append(c);
      else if (typeof c === 'object') {
        cell.textContent = c.text;
        cell.className = c.of;
        if (c.small) cell.append(el('small', c.small));
      } else cell.textContent = c;
      tr.append(cell);
    });
    return tr;
  }));
  if (!rows.length) {
    const tr = el('tr');
    tr.append(el('td', none, { colspan: names.length }));
    body.append(tr);
  }
};

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

const number = (n) => ({ text: whole(n), of: 'number' });

const put_models = (status) => {
  put_rows($('models'), status.models.map((m) => [
    { text: m.model, of: '', small: `${m.provider}/${m.upstream_model}` },
    state_of(m), number(m.in_flight), number(m.calls),
    { text: m.calls ? share((m.classes.ok || 0) / m.calls) : '–', of: 'number' },
    put_limits(m.limits), number(m.tokens.input), number(m.tokens.output),
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

const W = 320;
const H = 110;
const TOP = 2;

const diff = (a) => a.map((v, i) => (i ? Math.max(0, v - a[i - 1]) : null));
const a_second = (h, a) => diff(a).map((v, i) => (i ? (v * 1000) / Math.max(1, h.at_ms[i] - h.at_ms[i - 1]) : null));

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

const path_of = (values, top, x) => {
  let d = '';
  let pen = 'M';
  values.forEach((v, i) => {
    if (v === null || v === undefined) { pen = 'M'; return; }
    d += `${pen}${x(i).toFixed(1)} ${(H - (Math.min(v, top) / top) * (H - TOP)).toFixed(1)}`;
    pen = 'L';
  });
  return d;
};

/* What stands at one point of time, in words. */
const words_at = (plot, h, lines, i) =>
  `${clock(h.at_ms[i])}: ${lines.map(([name, v]) => `${name} ${v[i] === null ? '–' : plot.show(v[i])}`).join(', ')}`;

/* The plots reach back to the first point, ten minutes at least. */
const reach_ms = (h) => Math.min(3600000, Math.max(600000, Date.now() - (h.at_ms[0] ?? Date.now())));

const draw = (plot, h) => {
  const lines = plot.lines(h);
  const reach = reach_ms(h);
  const known = lines.flatMap(([, v]) => v.filter((n) => n !== null && n !== undefined));
  const top = plot.top || Math.max(...known, 0) || 1;
  const from = Date.now() - reach;
  const x = (i) => Math.max(0, ((h.at_ms[i] - from) / reach) * W);
  const last = h.at_ms.length - 1;

  if (!plot.box) open_plot(plot);
  plot.data = { h, lines, x };
  plot.image.replaceChildren(svg('path', { d: `M0 ${H}H${W}M0 ${TOP}H${W}`, class: 'frame' }));
  plot.top_words.textContent = plot.show(top);
  plot.reach_words.textContent = `${Math.round(reach / 60000)} min ago`;
  lines.forEach(([, v], k) => plot.image.append(svg('path', { d: path_of(v, top, x), class: `line k${k}` })));
  if (plot.at === undefined || plot.at > last) plot.at = last;
  plot.image.setAttribute('aria-label', last < 0 ? `${plot.title}: nothing yet`
    : `${plot.title}, last ${words_at(plot, h, lines, last)}; highest ${plot.show(Math.max(...known, 0))}`);
  if (document.activeElement !== plot.image) plot.at = last;
  point(plot);
};

const point = (plot) => {
  const { h, lines, x } = plot.data;
  const old = plot.image.querySelector('.cursor');
  if (old) old.remove();
  if (plot.at < 0) { plot.words.textContent = 'nothing yet: a point is made every ten seconds'; return; }
  plot.words.textContent = words_at(plot, h, lines, plot.at);
  if (document.activeElement === plot.image)
    plot.image.append(svg('path', { d: `M${x(plot.at)} ${TOP}V${H}`, class: 'cursor' }));
};

const open_plot = (plot) => {
  plot.box = el('figure', undefined, { class: 'plot' });
  plot.image = svg('svg', { viewBox: `0 0 ${W} ${H + 4}`, preserveAspectRatio: 'none', role: 'img', tabindex: 0 });
  plot.words = el('output');
  plot.top_words = el('span');
  plot.reach_words = el('span');
  const caption = el('figcaption', plot.title);
  const axis = el('div', undefined, { class: 'axis', 'aria-hidden': 'true' });
  caption.append(plot.top_words);
  axis.append(plot.reach_words, el('span', 'now'));
  plot.box.append(caption, plot.image, axis, plot.words);
  $('plots').append(plot.box);
  const move = (to) => {
    plot.at = Math.max(0, Math.min(plot.data.h.at_ms.length - 1, to));
    point(plot);
  };
  plot.image.addEventListener('keydown', (e) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -30, PageDown: 30, Home: -1000, End: 1000 }[e.key];
    if (!step) return;
    e.preventDefault();
    move(plot.at + step);
  });
  plot.image.addEventListener('pointermove', (e) => {
    const box = plot.image.getBoundingClientRect();
    const at = ((e.clientX - box.left) / box.width) * W;
    const xs = plot.data.h.at_ms.map((_, i) => Math.abs(plot.data.x(i) - at));
    if (xs.length) move(xs.indexOf(Math.min(...xs)));
  });
  plot.image.addEventListener('focus', () => point(plot));
  plot.image.addEventListener('blur', () => point(plot));
};

/* ---- asking ---- */

const ask = async (path) => {
  const answer = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(4000) });
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
  plots.forEach((p) => draw(p, h));
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
