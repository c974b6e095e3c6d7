// The table: a grid of which only the rows in sight are made, so that thousands of cells are sorted at once.
const Table = (() => {
  'use strict';
  const { make, byId } = Elements;
  const scroller = byId('grid');
  const table = scroller.querySelector('table');
  const [above, body, below] = table.tBodies;
  const MARGIN = 12; // rows made beyond those in sight
  let columns = [];
  let rows = [];
  let made = new Map(); // row id -> its element
  let height = 36;
  let whole = false; // all rows, for printing
  let active = { row: -1, column: 0 }; // the cell that the Tab key reaches; row -1 is the header

  const cellElement = (column, row, j) => {
    const isName = column.kind === 'name';
    const element = make(isName ? 'th' : 'td', {
      class: column.kind, tabindex: '-1', 'aria-colindex': j + 1, ...(isName ? { scope: 'row' } : {}),
    }, column.cell(row));
    if (column.bar) element.style.setProperty('--bar', `${100 * column.bar(row)}%`);
    return element;
  };
  const rowElement = (row) => make('tr', { class: row.kind.replace(' ', '-') }, columns.map((column, j) => cellElement(column, row, j)));

  // Its limit rather than its height, which is small until there are rows.
  const sight = () => parseFloat(getComputedStyle(scroller).maxHeight) || scroller.clientHeight;
  const inSight = () => {
    if (whole) return [0, rows.length];
    const first = Math.floor(scroller.scrollTop / height) - MARGIN;
    const last = Math.ceil((scroller.scrollTop + sight()) / height) + MARGIN;
    const start = Math.max(0, Math.min(first, rows.length - 1));
    return [start - (start % 2), Math.min(rows.length, last)];
  };
  const space = (element, n) => {
    element.hidden = n === 0;
    element.firstElementChild.firstElementChild.style.height = `${n * height}px`;
  };
  const fill = () => {
    const [start, end] = inSight();
    const kept = new Map();
    const elements = rows.slice(start, end).map((row, i) => {
      const element = made.get(row.id) || rowElement(row);
      element.setAttribute('aria-rowindex', start + i + 3);
      element.dataset.index = start + i;
      kept.set(row.id, element);
      return element;
    });
    const hadFocus = body.contains(document.activeElement);
    const focused = document.activeElement;
    body.replaceChildren(...elements);
    space(above, start);
    space(below, rows.length - end);
    made = kept;
    if (hadFocus) (body.contains(focused) ? focused : scroller).focus({ preventScroll: true });
    markActive();
  };

  const elementAt = ({ row, column }) => {
    if (row === -1) return table.tHead.rows[1].cells[column]?.firstElementChild;
    return made.get(rows[row]?.id)?.cells[column];
  };
  const markActive = () => {
    table.querySelectorAll('[tabindex="0"]').forEach((element) => element.setAttribute('tabindex', '-1'));
    (elementAt(active) || elementAt({ row: -1, column: 0 }))?.setAttribute('tabindex', '0');
  };
  const focus = (row, column) => {
    active = {
      row: Math.max(-1, Math.min(rows.length - 1, row)), column: Math.max(0, Math.min(columns.length - 1, column)),
    };
    if (active.row >= 0 && !elementAt(active)) {
      scroller.scrollTop = Math.max(0, active.row * height - scroller.clientHeight / 2);
      fill();
    }
    markActive();
    elementAt(active)?.focus();
  };

  const open = (element) => {
    const row = rows[element.parentElement.dataset.index];
    const column = columns[element.cellIndex];
    View.set({ row: row.id, column: column.kind === 'score' && Board.column(column.key) ? column.key : '' });
  };
  const sortBy = (column) => {
    const state = View.state();
    const key = column.sorts || column.key;
    const isSame = Ordering.key(state) === key;
    View.set({ sort: key, up: isSame && state.up === '' ? 'yes' : '' });
  };

  const header = (state) => {
    const by = Ordering.key(state);
    const groups = [];
    for (const column of columns) {
      if (groups.at(-1)?.title === column.group) groups.at(-1).span += 1;
      else groups.push({ title: column.group, span: 1 });
    }
    const direction = state.up === 'yes' ? 'ascending' : 'descending';
    const isText = by === 'name' || by === 'family' || by === 'measured';
    const told = isText ? { ascending: 'descending', descending: 'ascending' }[direction] : direction;
    const arrow = told === 'ascending' ? ' ▲' : ' ▼';
    const buttons = columns.map((column, j) => {
      const isBy = column.key === by;
      return make('th', { scope: 'col', class: column.kind, 'aria-sort': isBy ? told : null, 'aria-colindex': j + 1 },
        make('button', { type: 'button', tabindex: '-1', title: column.kind === 'rank' ? 'Rank by the sorted score' : null },
          column.title, make('span', { 'aria-hidden': 'true' }, isBy ? arrow : '')));
    });
    table.tHead.replaceChildren(
      make('tr', { class: 'groups', 'aria-rowindex': 1 }, groups.map((group, i) => (group.title
        ? make('th', { scope: 'colgroup', colspan: group.span }, make('span', { class: 'name' }, group.title))
        : make('td', { colspan: group.span, class: i === 0 ? 'name' : null })))),
      make('tr', { 'aria-rowindex': 2 }, buttons),
    );
    // Columns keep their widths, and the browser need not measure all cells, only in a table of a given width.
    table.style.width = `calc(${['var(--name)', ...columns.map((column) => column.width).filter(Boolean)].join(' + ')})`;
    table.querySelector('colgroup').replaceChildren(...columns.map((column) =>
      make('col', { class: column.kind, style: column.width ? `width: ${column.width}` : null })));
  };

  const render = (state) => {
    const started = performance.now();
    const place = active;
    const inHeader = table.tHead.contains(document.activeElement);
    columns = TableColumns.list(state);
    rows = Ordering.sort(Filtering.rows(state), state);
    made = new Map();
    header(state);
    table.setAttribute('aria-rowcount', rows.length + 2);
    table.setAttribute('aria-colcount', columns.length);
    fill();
    if (inHeader) focus(-1, place.column);
    const measured = body.rows[0]?.getBoundingClientRect().height; // also has the browser lay the table out
    if (measured && Math.abs(measured - height) > 0.5) {
      height = measured;
      fill();
    }
    byId('shown').textContent = rows.length ? `${rows.length} of ${Board.rows.length} rows` : 'No row passes the filters.';
    scroller.dataset.milliseconds = (performance.now() - started).toFixed(1);
  };

  const KEYS = {
    ArrowUp: () => [active.row - 1, active.column], ArrowDown: () => [active.row + 1, active.column],
    ArrowLeft: () => [active.row, active.column - 1], ArrowRight: () => [active.row, active.column + 1],
    PageUp: () => [Math.max(0, active.row - 10), active.column], PageDown: () => [active.row + 10, active.column],
    Home: (event) => [event.ctrlKey ? -1 : active.row, 0],
    End: (event) => [event.ctrlKey ? rows.length - 1 : active.row, columns.length - 1],
  };
  scroller.addEventListener('keydown', (event) => {
    const cell = event.target.closest('tbody th, tbody td');
    if (KEYS[event.key] && !event.altKey && !event.metaKey) {
      event.preventDefault();
      focus(...KEYS[event.key](event));
    } else if ((event.key === 'Enter' || event.key === ' ') && cell) {
      event.preventDefault();
      open(cell);
    }
  });
  scroller.addEventListener('click', (event) => {
    const button = event.target.closest('thead button');
    const cell = event.target.closest('tbody.rows th, tbody.rows td');
    if (button) {
      active = { row: -1, column: button.parentElement.cellIndex };
      sortBy(columns[active.column]);
    } else if (cell) {
      focus(Number(cell.parentElement.dataset.index), cell.cellIndex);
      open(cell);
    }
  });
  scroller.addEventListener('focusin', (event) => { // by the mouse, or from outside
    const cell = event.target.closest('th, td');
    if (!cell) return;
    active = { row: Number(cell.parentElement.dataset.index ?? -1), column: cell.cellIndex };
    markActive();
  });
  let pending = false;
  scroller.addEventListener('scroll', () => {
    if (pending) return;
    pending = true;
    requestAnimationFrame(() => {
      pending = false;
      fill();
    });
  });
  window.addEventListener('resize', fill);
  const setWhole = (value) => {
    whole = value;
    fill();
  };
  window.addEventListener('beforeprint', () => setWhole(true));
  window.addEventListener('afterprint', () => setWhole(false));
  Tooltip.serve(body, 'td.score', (element) => {
    const row = rows[element.parentElement.dataset.index];
    const column = columns[element.cellIndex];
    const cell = column.key === 'weighted' ? Weighting.cells(View.state().weights).get(row.id) : Board.cell(row.id, column.key);
    return cell && [`${row.label}, ${column.title}`, Facts.short(cell)];
  });
  const refocus = () => focus(active.row, active.column);
  return { render, refocus, rows: () => rows };
})();
