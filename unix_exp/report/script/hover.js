// What a point or a line is, said at once where the pointer is near it, or by the arrow keys in a chart.

const NEAR = 14;  // units of the drawing: how close the pointer must come
const things = new WeakMap();  // by chart: what has a title

// The corners of a path of M, L, H and V; a mark's shape, in small letters, is not followed.
const corners = path => {
  const found = [];
  let x = 0, y = 0;
  for (const [, command, rest] of (path.getAttribute('d') || '').matchAll(/([A-Za-z])([^A-Za-z]*)/g)) {
    const values = rest.trim().split(/[\s,]+/).map(Number);
    if (command === 'M' || command === 'L') [x, y] = values;
    else if (command === 'H') [x] = values;
    else if (command === 'V') [y] = values;
    else if (command === 'h') continue;
    else break;
    found.push({x, y, begins: command === 'M'});
  }
  return found;
};

const thingsOf = chart => {
  if (!things.has(chart)) {
    things.set(chart, all('title', chart).filter(title => title.parentNode !== chart).map(title => {
      const element = title.parentNode;
      const path = element.matches('path') ? element : element.querySelector('.line, .mark, .paper');
      return {element, title, at: path ? corners(path) : [], line: Boolean(path && path.matches('.line, .rule, .front'))};
    }));
  }
  return things.get(chart).filter(thing => !thing.element.closest('.off'));
};

// How far a thing is, and where on it: lines between their corners, marks at their middle.
const distance = (thing, x, y) => {
  let least = Infinity, at = null;
  thing.at.forEach((corner, number) => {
    const last = thing.at[number - 1];
    let [nearX, nearY] = [corner.x, corner.y];
    if (thing.line && last && !corner.begins) {
      const dx = corner.x - last.x, dy = corner.y - last.y, length = dx * dx + dy * dy;
      const share = length ? Math.max(0, Math.min(1, ((x - last.x) * dx + (y - last.y) * dy) / length)) : 0;
      [nearX, nearY] = [last.x + share * dx, last.y + share * dy];
    }
    const far = Math.hypot(nearX - x, nearY - y);
    if (far < least) {
      least = far;
      const closer = last && !corner.begins && Math.abs(last.x - x) < Math.abs(corner.x - x) ? last : corner;
      at = thing.line ? closer : corner;
    }
  });
  return [least, at];
};

const tip = made('div', 'tip');
tip.setAttribute('role', 'status');
let shown = null;  // the thing, and how to put back what was moved

const hide = () => {
  if (!shown) return;
  const {element, title} = shown.thing;
  element.classList.remove('over');
  if (shown.title) element.prepend(title);
  if (shown.front) shown.home.insertBefore(element, shown.next);
  shown = null;
  tip.classList.remove('on');
  document.querySelectorAll('.leads').forEach(chart => chart.classList.remove('leads'));
};

const show = (chart, thing, x, y, at) => {
  if (!shown || shown.thing !== thing) {
    hide();
    const {element, title} = thing;
    shown = {thing, title: title.parentNode === element, home: element.parentNode, next: element.nextSibling};
    title.remove();  // or the browser shows it too, a second later
    element.classList.add('over');
    if (element.matches('.curve, .point')) {
      shown.front = true;
      element.parentNode.append(element);
    }
  }
  const leads = pageOf(thing) !== null;
  chart.classList.toggle('leads', leads);
  tip.textContent = thing.title.textContent + valuesAt(chart, thing, at) + (leads ? '\nIts page: click, or Enter.' : '');
  tip.classList.add('on');
  const {width, height} = tip.getBoundingClientRect();
  const left = Math.min(x + 14, document.documentElement.clientWidth - width - 6);
  const above = y - height - 12;
  tip.style.left = Math.max(6, left) + 'px';
  tip.style.top = (above < 6 ? y + 18 : above) + 'px';
};

// Of a line's corner: the numbers that the axes say. A corner is drawn to a tenth of a unit, so no digit more is said.
const valuesAt = (chart, thing, at) => {
  const plot = chart.querySelector('.plot');
  if (!at || !plot || !plot.dataset.x || !thing.element.matches('.curve')) return '';
  const number = name => Number(plot.getAttribute(name));
  const said = (axis, place, length) => {
    const ends = plot.dataset[axis], [low, high] = ends.split(' ').map(Number), share = place / length;
    const log = ends.endsWith(' log');
    const value = log ? low * (high / low) ** share : low + share * (high - low);
    const unsure = 0.1 * (log ? value * Math.log(high / low) : high - low) / length;
    const most = plot.dataset[axis + 'Title'].includes('%') ? 2 : 12;  // percentages as in the tables
    const digits = Math.min(Math.floor(-Math.log10(unsure)), most), unit = 10 ** -digits;
    const written = (Math.round(value / unit) * unit).toLocaleString('en', {maximumFractionDigits: Math.max(digits, 0)});
    return `\n${plot.dataset[axis + 'Title']}: ${written}`;
  };
  return said('y', number('y') + number('height') - at.y, number('height')) + said('x', at.x - number('x'), number('width'));
};

// The page of a thing's first run, where a row of the report leads to it.
const pageOf = thing => {
  const [name] = (thing.element.dataset.runs || '').split(' ');
  const link = name && document.querySelector(`a[href="runs/${CSS.escape(name)}.html"]`);
  return link ? link.href : null;
};

const inDrawing = (chart, event) => {
  const matrix = chart.getScreenCTM();
  return matrix ? new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse()) : null;
};
const onScreen = (chart, at) => new DOMPoint(at.x, at.y).matrixTransform(chart.getScreenCTM());

const pointed = event => {
  const chart = event.target.closest && event.target.closest('svg.chart');
  if (!chart) return hide();
  const {x, y} = inDrawing(chart, event);
  const near = thingsOf(chart).map(thing => [thing, ...distance(thing, x, y)]).filter(([, far]) => far <= NEAR);
  // A mark before the line that runs through it, and of several the nearest; else what is exactly below the pointer.
  near.sort(([one, far], [other, further]) => one.line - other.line || far - further);
  const under = thingsOf(chart).find(thing => !thing.at.length && thing.element.contains(event.target));
  const [thing, , at] = near[0] || (under ? [under, 0, null] : []);
  if (thing) show(chart, thing, event.clientX, event.clientY, at);
  else hide();
};

const moved = event => {
  const chart = event.target.closest && event.target.closest('svg.chart');
  if (event.key === 'Escape') return hide();
  if (event.key === 'Enter' && chart) return opened(event);
  const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
  const members = chart ? thingsOf(chart) : [];
  if (!step || !members.length) return;
  event.preventDefault();
  const before = shown ? members.indexOf(shown.thing) : -1;
  const thing = members[before < 0 ? (step > 0 ? 0 : members.length - 1) : (before + step + members.length) % members.length];
  const at = thing.line ? thing.at.at(-1) : thing.at[0];
  const box = thing.element.getBoundingClientRect();
  const place = at ? onScreen(chart, at) : {x: (box.left + box.right) / 2, y: box.top};
  show(chart, thing, place.x, place.y, at);
};

// A finger that first comes to a thing asks what it is; the next touch opens its page.
let asked = false;
const touched = event => {
  const before = shown && shown.thing;
  pointed(event);
  asked = event.pointerType === 'touch' && !(shown && shown.thing === before);
};

const opened = event => {
  if (asked && event.type === 'click') return;
  if (shown && event.target.closest('svg.chart') && pageOf(shown.thing) !== null) location.href = pageOf(shown.thing);
};

document.body.append(tip);
all('svg.chart').forEach(chart => {
  if (thingsOf(chart).length) chart.setAttribute('tabindex', '0');
  chart.addEventListener('blur', hide);
});
document.addEventListener('pointermove', pointed);
document.addEventListener('pointerdown', touched);
document.addEventListener('click', opened);
document.addEventListener('scroll', hide, {passive: true, capture: true});
document.addEventListener('keydown', moved);
