// The table: a grid of which only the cells in sight are made, so that tens of thousands are sorted at once.
const Table = (() => {
  'use strict';
  const { make, byId } = Elements;
  const scroller = byId('grid');
  const table = scroller.querySelector('table');
  const [above, body, below] = table.tBodies;
  const MARGIN = 8; // rows made beyond those in sight
  const STEP = 4; // columns are made this many at a time
  let columns = [];
  let rows = [];
  let made = new Map(); // row id -> its element
  let height = 36;
  let places = []; // left and right end of each column in the table, in pixels
  let span = [0, 0]; // columns that are made, besides the fixed ones at the left
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
  const nFixed = () => columns.findIndex((column) => column.kind !== 'name' && column.kind !== 'rank');
  const gap = (n) => (n > 0 ? make('td', { colspan: n, 'aria-hidden': 'true' }) : null);
  const rowElement = (row) => {
    const cells = (start, end) => columns.slice(start, end).map((column, i) => cellElement(column, row, start + i));
    return make('tr', { class: row.kind.replace(' ', '-') },
      cells(0, nFixed()), gap(span[0] - nFixed()), cells(...span), gap(columns.length - span[1]));
  };
  const columnsInSight = () => {
    if (whole) return [nFixed(), columns.length];
    const [left, right] = [scroller.scrollLeft, scroller.scrollLeft + scroller.clientWidth];
    const first = places.findIndex(([, end], j) => j >= nFixed() && end > left);
    const beyond = places.findIndex(([start], j) => j >= nFixed() && start > right);
    const start = Math.max(nFixed(), first - (first % STEP) - STEP);
    const end = beyond === -1 ? columns.length : beyond;
    return [start, Math.min(columns.length, end - (end % STEP) + 2 * STEP)];
  };
  const columnOf = (cell) => Number(cell.getAttribute('aria-colindex')) - 1;

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
    const [from, to] = columnsInSight();
    if (from !== span[0] || to !== span[1]) {
      span = [from, to];
      made = new Map();
    }
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
    if (hadFocus) (body.contains(focused) ? focused : elementAt(active) || scroller).focus({ preventScroll: true });
    markActive();
  };

  const elementAt = ({ row, column }) => {
    if (row === -1) return table.tHead.rows[1].cells[column]?.firstElementChild;
    return made.get(rows[row]?.id)?.querySelector(`[aria-colindex="${column + 1}"]`);
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
      if (!made.has(rows[active.row].id)) scroller.scrollTop = Math.max(0, active.row * height - scroller.clientHeight / 2);
      if (active.column >= nFixed()) scroller.scrollLeft = Math.max(0, places[active.column][0] - scroller.clientWidth / 2);
      fill();
    }
    markActive();
    elementAt(active)?.focus();
  };

  const open = (element) => {
    const row = rows[element.parentElement.dataset.index];
    const column = columns[columnOf(element)];
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
    const width = `calc(${['var(--name)', ...columns.map((column) => column.width).filter(Boolean)].join(' + ')})`;
    table.style.width = width;
    table.querySelector('colgroup').replaceChildren(...columns.map((column) =>
      make('col', { class: column.kind, style: column.width ? `width: ${column.width}` : null })));
  };

  const measure = () => {
    places = [...table.tHead.rows[1].cells].map((cell) => [cell.offsetLeft, cell.offsetLeft + cell.offsetWidth]);
  };
  let widths = '';
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
    const newWidths = columns.map((column) => column.width).join(' ');
    if (newWidths !== widths) {
      body.replaceChildren(); // else the browser would lay out what is replaced next
      measure();
      widths = newWidths;
    }
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
    const cell = event.target.closest('tbody.rows [aria-colindex]');
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
    const cell = event.target.closest('tbody.rows [aria-colindex]');
    if (button) {
      active = { row: -1, column: button.parentElement.cellIndex };
      sortBy(columns[active.column]);
    } else if (cell) {
      focus(Number(cell.parentElement.dataset.index), columnOf(cell));
      open(cell);
    }
  });
  scroller.addEventListener('focusin', (event) => { // by the mouse, or from outside
    const cell = event.target.closest('[aria-colindex]');
    if (!cell) return;
    active = { row: Number(cell.parentElement.dataset.index ?? -1), column: columnOf(cell) };
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
  window.addEventListener('resize', () => {
    widths = ''; // measured again when it is next shown
    if (scroller.offsetParent && columns.length) render(View.state());
  });
  const setWhole = (value) => {
    whole = value;
    fill();
  };
  window.addEventListener('beforeprint', () => setWhole(true));
  window.addEventListener('afterprint', () => setWhole(false));
  Tooltip.serve(body, 'td.score', (element) => {
    const row = rows[element.parentElement.dataset.index];
    const column = columns[columnOf(element)];
    const cell = column.key === 'weighted' ? Weighting.cells(View.state().weights).get(row.id) : Board.cell(row.id, column.key);
    return cell && [`${row.label}, ${column.title}`, Facts.short(cell)];
  });
  const refocus = () => focus(active.row, active.column);
  return { render, refocus, rows: () => rows };
})();
