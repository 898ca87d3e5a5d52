// Tables are sorted by the column whose heading is pressed: its better end first, then the other, then as they were.

const NUMBER = /^[^\d.+\u2212-]*([+\u2212-]?[\d.,\u202f]*\d(?:e[+\u2212-]?\d+)?)/;
const TIME = /^(?:(\d[\d,]*)d )?(?:(\d+)h ?)?(?:(\d+)m ?)?(?:(\d+)s)?$/;  // 2d 03h, 1h 02m, 1m 02s, 3s
const SIZE = /^([\d.,]+) ([KMGT]?)B$/;
const plain = text => Number(text.replace(/[,\u202f]/g, '').replace(/\u2212/g, '-'));

// What a cell is sorted by: a number or a text; null where it is missing, which comes last in either direction.
const valueOf = (cell, numeric) => {
  const text = cell ? cell.textContent.trim() : '';
  if (!text || text === '—') return null;
  if (!numeric) return text;
  const time = TIME.exec(text), size = SIZE.exec(text), found = NUMBER.exec(text);
  if (time) return [86400, 3600, 60, 1].reduce((sum, unit, at) => sum + unit * plain(time[at + 1] || '0'), 0);
  if (size) return plain(size[1]) * 1000 ** ' KMGT'.indexOf(size[2] || ' ');
  const value = found ? plain(found[1]) : NaN;
  return Number.isNaN(value) ? null : value;
};

// Rows between two headings stay between them.
const groupsOf = body => all(':scope > tr', body).reduce((groups, row) => {
  if (row.classList.contains('group')) groups.push([row, []]);
  else (groups.length ? groups : (groups.push([null, []]), groups)).at(-1)[1].push(row);
  return groups;
}, []);

const sortable = table => {
  const body = table.tBodies[0];
  const heads = all(':scope > thead > tr:last-child > *', table);
  const groups = body ? groupsOf(body) : [];
  if (!groups.some(([, rows]) => rows.length > 1)) return;
  const turned = (head, column) => {
    const numeric = head.classList.contains('number');
    const first = numeric ? 'descending' : 'ascending', second = numeric ? 'ascending' : 'descending';
    const before = head.getAttribute('aria-sort');
    const order = before === first ? second : before === second ? null : first;
    heads.forEach(one => one.removeAttribute('aria-sort'));
    if (order) head.setAttribute('aria-sort', order);
    const sign = order === 'descending' ? -1 : 1;
    const compared = ([one], [other]) =>
      one === null || other === null ? (one === null) - (other === null)
        : sign * (numeric ? one - other : words.compare(one, other));
    const ordered = rows => !order ? rows
      : rows.map(row => [valueOf(row.cells[column], numeric), row]).sort(compared).map(([, row]) => row);
    body.append(...groups.flatMap(([heading, rows]) => [...(heading ? [heading] : []), ...ordered(rows)]));
  };
  heads.forEach((head, column) => {
    if (!head.textContent.trim()) return;
    const button = made('button', 'sort', ...head.childNodes);
    button.type = 'button';
    head.append(button);
    button.addEventListener('click', () => turned(head, column));
  });
};

all('table').forEach(sortable);
