// One filter for the page, by what data- attributes say: of rows, points and lines, with the names and entries of legends
// that belong to these, and of figures that lose all theirs. What is of several runs at once is hidden while it filters.

const FACETS = ['dataset', 'pair', 'method', 'seed'];
const FEW = 2;
const SELECTED = FACETS.map(name => `[data-${name}]`).join();
const valuesOf = (element, name) => {
  const value = element.getAttribute('data-' + name);
  return value === null ? null : name === 'seed' ? value.split(' ') : [value];
};

const filter = before => {
  const items = all(SELECTED).map(element => ({
    element, values: Object.fromEntries(FACETS.map(name => [name, valuesOf(element, name)])), text: null,
  }));
  const known = Object.fromEntries(FACETS.map(name => [
    name, [...new Set(items.flatMap(item => item.values[name] || []))].sort(words.compare),
  ]));
  const offered = FACETS.filter(name => known[name].length >= FEW);
  if (!offered.length) return;

  const chosen = {};
  const fields = offered.map(name => {
    const select = made('select', '', made('option', '', 'all'), ...known[name].map(value => made('option', '', value)));
    select.options[0].value = '';
    select.name = name;
    select.addEventListener('change', () => {
      chosen[name] = select.selectedIndex ? known[name][select.selectedIndex - 1] : undefined;
      apply();
    });
    return made('label', '', name, ' ', select);
  });
  const search = made('input');
  search.type = 'search';
  search.name = 'text';
  search.autocomplete = 'off';
  search.addEventListener('input', () => apply());
  const said = made('output', '');
  const reset = made('button', '', 'show all');
  reset.type = 'reset';
  const summary = made('summary', '', 'Filter by ' + offered.join(', '));
  const details = made('details', '', summary, made('div', '', ...fields, made('label', '', 'text ', search), reset, said));
  const wide = matchMedia('(min-width: 900px)');
  const fit = () => { details.open = wide.matches; };
  fit();
  wide.addEventListener('change', fit);
  const form = made('form', 'filter', details);
  form.setAttribute('role', 'search');
  form.setAttribute('aria-label', 'Filter');
  form.addEventListener('submit', event => event.preventDefault());
  form.addEventListener('reset', () => {
    FACETS.forEach(name => delete chosen[name]);
    setTimeout(apply);
  });
  before.before(form);

  const textOf = item => {
    if (item.text === null) {
      const title = item.element.querySelector(':scope > title');
      const lines = (title || item.element).textContent.toLowerCase().split('\n');
      item.text = (title ? lines.slice(0, lines.length > 2 ? -2 : undefined) : lines).join('\n');  // without its axes
    }
    return item.text;
  };
  const fits = (item, text) => FACETS.every(name =>
    chosen[name] === undefined || !item.values[name] || item.values[name].includes(chosen[name]))
    && (!text || textOf(item).includes(text));
  const blocks = new Map();
  items.forEach(item => {
    const block = item.element.closest('figure');
    if (block && !blocks.has(block)) blocks.set(block, []);
    if (block) blocks.get(block).push(item);
  });
  const several = all('main > section:not(.opens) figure').filter(block => !blocks.has(block));
  blocks.forEach((_, block) => several.push(...all('tbody > tr:not(.group)', block).filter(row => !row.matches(SELECTED))));
  const charts = new Map();
  blocks.forEach((members, block) => charts.set(block.querySelector('svg.chart'), members));
  const belonging = all('[data-of]').map(element => ({
    element, members: charts.get(element.closest('svg')) || [], marks: element.dataset.of.split(' ').filter(Boolean),
  }));
  const off = (element, gone) => element.classList.toggle('off', gone);
  const runs = items.filter(item => item.element.closest('#every-run'));

  const apply = () => {
    const text = search.value.trim().toLowerCase();
    const filtered = Boolean(text) || FACETS.some(name => chosen[name] !== undefined);
    items.forEach(item => { item.gone = !fits(item, text); off(item.element, item.gone); });
    several.forEach(element => off(element, filtered));
    const left = new Map();
    charts.forEach(members => {
      const shown = members.filter(item => !item.gone);
      left.set(members, {whole: shown.length === members.length, marks: new Set(shown.map(item => item.element.dataset.mark))});
    });
    belonging.filter(one => left.has(one.members)).forEach(one => {
      const {whole, marks} = left.get(one.members);
      off(one.element, !(one.marks.length ? one.marks.some(mark => marks.has(mark)) : whole));
    });
    blocks.forEach((members, block) => {
      off(block, members.every(item => item.gone));
      all('tbody > tr.group', block).forEach(heading => {
        let next = heading.nextElementSibling, gone = true;
        for (; next && !next.classList.contains('group'); next = next.nextElementSibling) {
          gone = gone && next.classList.contains('off');
        }
        off(heading, gone);
      });
    });
    all('main > section').forEach(section => {
      const members = all('figure', section);
      const gone = members.length > 0 && members.every(block => block.classList.contains('off'));
      off(section, gone);
      all('nav a').filter(link => link.hash === '#' + section.id).forEach(link => off(link, gone));
    });
    const counted = runs.length ? runs : items.filter(item => item.element.tagName === 'TR');
    const rest = counted.filter(item => !item.gone).length;
    const count = `${rest} of ${counted.length} ${runs.length ? 'runs' : 'rows'}`;
    said.value = filtered ? count + (several.length ? '; what is of several at once is hidden' : '') : '';
    form.classList.toggle('filtered', filtered);
    summary.textContent = filtered ? 'Filtered: ' + count : 'Filter by ' + offered.join(', ');
  };
};

// Below what the report opens with, which is about all runs.
const first = document.querySelector('main > section:not(.opens)');
if (first) filter(first);
