'use strict';
/* common: words, tables and plots of the pages that are made for people. Texts that come from outside (ids of
 * tasks, names of models) are only ever set as text. */
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

/* ---- lists and tables ---- */

/* Replaces the pairs of a list; data-key and data-value hold what /status says. */
const put_pairs = (list, pairs) => {
  list.replaceChildren(...pairs.map(([key, name, text, value]) => {
    const div = el('div');
    div.append(el('dt', name), el('dd', text, { 'data-key': key, 'data-value': value }));
    return div;
  }));
};

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

const number = (n) => ({ text: whole(n), of: 'number' });

/* ---- plots ---- */

const W = 320;
const H = 110;
const TOP = 2;

const diff = (a) => a.map((v, i) => (i ? Math.max(0, v - a[i - 1]) : null));
const a_second = (h, a) => diff(a).map((v, i) => (i ? (v * 1000) / Math.max(1, h.at_ms[i] - h.at_ms[i - 1]) : null));

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
  `${plot.when(h.at_ms[i])}: ${lines.map(([name, v]) => `${name} ${v[i] === null ? '–' : plot.show(v[i])}`).join(', ')}`;

/* h: arrays by name, at_ms among them. span: from and to in the same time, what to call both, and `when`, which puts a
 * point of time into words. */
const draw = (plot, h, span) => {
  plot.when = span.when;
  const lines = plot.lines(h);
  const known = lines.flatMap(([, v]) => v.filter((n) => n !== null && n !== undefined));
  const top = plot.top || Math.max(...known, 0) || 1;
  const x = (i) => Math.max(0, ((h.at_ms[i] - span.from) / Math.max(1, span.to - span.from)) * W);
  const last = h.at_ms.length - 1;

  if (!plot.box) open_plot(plot);
  plot.data = { h, lines, x };
  plot.image.replaceChildren(svg('path', { d: `M0 ${H}H${W}M0 ${TOP}H${W}`, class: 'frame' }));
  plot.top_words.textContent = plot.show(top);
  plot.from_words.textContent = span.from_words;
  plot.to_words.textContent = span.to_words;
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
  if (plot.at < 0) { plot.words.textContent = 'nothing yet'; return; }
  plot.words.textContent = words_at(plot, h, lines, plot.at);
  if (document.activeElement === plot.image)
    plot.image.append(svg('path', { d: `M${x(plot.at)} ${TOP}V${H}`, class: 'cursor' }));
};

const open_plot = (plot) => {
  plot.box = el('figure', undefined, { class: 'plot' });
  plot.image = svg('svg', { viewBox: `0 0 ${W} ${H + 4}`, preserveAspectRatio: 'none', role: 'img', tabindex: 0 });
  plot.words = el('output');
  plot.top_words = el('span');
  plot.from_words = el('span');
  plot.to_words = el('span');
  const caption = el('figcaption', plot.title);
  const axis = el('div', undefined, { class: 'axis', 'aria-hidden': 'true' });
  caption.append(plot.top_words);
  axis.append(plot.from_words, plot.to_words);
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
