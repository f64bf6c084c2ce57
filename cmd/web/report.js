/* report: shows the object that stands in the page; core of it: sums, a timeline of sums since the start (at_ms), the
 * words for what limited (limits) with the index of each in the timeline, bars of the time of tasks. */
const data = JSON.parse($('data').textContent);
const { timeline } = data;

const since_start = (t) => `after ${seconds(t / 1000)}`;

const whole_run = () => {
  const to = Math.max(timeline.at_ms.at(-1) || 0, 1);
  return { from: 0, to, from_words: 'start', to_words: seconds(to / 1000), when: since_start };
};

const put_sums = () => {
  const took_s = Math.max(data.elapsed_ms, 1) / 1000;
  const cost = data.cost_unknown && data.cost_usd <= 0 ? 'not known' : `${data.cost_unknown ? '≥ ' : ''}${usd(data.cost_usd)}`;

  $('title').textContent = `${data.what}: ${whole(data.resumed + data.done)} of ${whole(data.total)} done`;
  document.title = $('title').textContent;
  $('about').textContent = `${data.output}, ended ${data.ended_at.replace('T', ' ').replace(/\.\d+/, '')}, sluice ${data.version}`;
  put_pairs($('tiles'), [
    ['done', 'Done in this run', whole(data.done), data.done],
    ['succeeded', 'Succeeded', whole(data.succeeded), data.succeeded],
    ['failed', 'Failed', whole(data.failed), data.failed],
    ['hits', 'From the cache', whole(data.hits), data.hits],
    ['coalesced', 'Shared a call', whole(data.coalesced), data.coalesced],
    ['calls', 'Calls', data.calls === undefined ? '–' : whole(data.calls), data.calls ?? ''],
    ['cost_usd', 'Cost', cost, data.cost_usd],
    ['elapsed_ms', 'Time', seconds(took_s), data.elapsed_ms],
    ['rate', 'Tasks a second', rate(data.done / took_s), ''],
    ['input_tokens', 'Tokens in', whole(data.input_tokens), data.input_tokens],
    ['output_tokens', 'Tokens out', whole(data.output_tokens), data.output_tokens],
    ['p95_ms', 'Task p95', ms(data.p95_ms), data.p95_ms],
  ]);
};

const plots = [
  { title: 'Tasks a second', show: rate, lines: (h) => [['done', a_second(h, h.done)], ['failed', a_second(h, h.failed)]] },
  { title: 'In the pool', show: whole, lines: (h) => [['calls', h.in_flight], ['waiting', h.waiting]] },
  { title: 'Cost so far', show: usd, lines: (h) => [['cost', h.cost_usd]] },
  { title: 'Without a call of their own', show: share, top: 1, lines: (h) => {
    const done = diff(h.done);
    return [['cached', diff(h.cached).map((v, i) => (done[i] ? Math.min(1, v / done[i]) : null))]];
  } },
];

/* What limited at each time, as a strip of stripes, and the sums in a table below. */
const put_limits = () => {
  const all = data.limits.reduce((sum, l) => sum + l.ms, 0) || 1;
  const order = data.limits.map((l, i) => [l, i]).sort((a, b) => b[0].ms - a[0].ms);
  const hue = (i) => `hsl(${(i * 137) % 360} 55% 50%)`;
  const end = timeline.at_ms.at(-1) || 1;

  timeline.at_ms.forEach((t, i) => {
    const from = i ? timeline.at_ms[i - 1] : 0;
    const stripe = el('span');
    stripe.style.width = `${((t - from) * 100) / end}%`;
    stripe.style.background = hue(timeline.limit[i]);
    stripe.title = `${since_start(t)}: ${data.limits[timeline.limit[i]].name}`;
    $('strip').append(stripe);
  });
  $('strip').setAttribute('aria-label', 'What limited over time; the table below has the sums');
  put_rows($('limits'), order.map(([l, i]) => {
    const name = el('span');
    const mark = el('span', undefined, { class: 'mark' });
    mark.style.background = hue(i);
    name.append(mark, l.name);
    return [name, { text: share(l.ms / all), of: 'number' }, { text: seconds(l.ms / 1000), of: 'number' }];
  }), 'nothing was measured');
};

/* A bar for each span of time, in words below when it is pointed at or reached by the arrow keys. */
const put_bars = () => {
  const figure = el('figure', undefined, { class: 'plot' });
  const image = svg('svg', { viewBox: `0 0 ${W} ${H + 4}`, preserveAspectRatio: 'none', role: 'img', tabindex: 0 });
  const words = el('output');
  const top = Math.max(...data.bar_tasks, 1);
  const each = W / Math.max(1, data.bar_tasks.length);
  const say = (i) => {
    words.textContent = `${i ? ms(data.bar_ms[i - 1]) : '0 ms'} to ${ms(data.bar_ms[i])}: ${whole(data.bar_tasks[i])} tasks`;
  };
  let at = 0;

  data.bar_tasks.forEach((n, i) => {
    const bar = svg('rect', { x: i * each + 0.5, width: Math.max(each - 1, 0.5), y: H - (n / top) * (H - TOP), height: (n / top) * (H - TOP), class: 'bar' });
    bar.addEventListener('pointerenter', () => say(i));
    image.append(bar);
  });
  image.addEventListener('keydown', (e) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -1000, End: 1000 }[e.key];
    if (!step || !data.bar_tasks.length) return;
    e.preventDefault();
    at = Math.max(0, Math.min(data.bar_tasks.length - 1, at + step));
    say(at);
  });
  const sum = `p50 ${ms(data.p50_ms)}, p95 ${ms(data.p95_ms)}, p99 ${ms(data.p99_ms)}`;
  image.setAttribute('aria-label', `How many tasks took how long: ${sum}`);
  words.textContent = sum;
  const axis = el('div', undefined, { class: 'axis', 'aria-hidden': 'true' });
  axis.append(el('span', data.bar_ms.length ? ms(data.bar_ms[0]) : ''), el('span', data.bar_ms.length ? ms(data.bar_ms.at(-1)) : ''));
  const caption = el('figcaption', 'Tasks by their time, from received to reply');
  caption.append(el('span', whole(top)));
  figure.append(caption, image, axis, words);
  $('bars').append(figure);
};

put_sums();
plots.forEach((p) => draw(p, timeline, whole_run()));
put_limits();
put_bars();
put_rows($('models'), data.models.map((m) => [
  m.model, number(m.answers), number(m.cached), number(m.input_tokens), number(m.output_tokens),
  { text: usd(m.cost_usd), of: 'number' }, { text: ms(m.p50_ms), of: 'number' }, { text: ms(m.p95_ms), of: 'number' },
  { text: ms(m.p99_ms), of: 'number' },
]), 'no answers');
put_rows($('errors'), data.failures.map((f) => [
  f.code.replaceAll('_', ' '), number(f.count), { text: f.sample, of: 'id' },
]), 'none');
