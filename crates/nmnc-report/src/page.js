'use strict';
// Figures saved as pictures, values under the pointer, and which tables are wider than the window. The page is whole without it.
(() => {
  const STYLES = ['fill', 'fill-opacity', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-linejoin', 'opacity',
    'font-family', 'font-size', 'font-weight', 'text-anchor', 'paint-order', 'shape-rendering'];
  const style = (from, to) => {
    const computed = getComputedStyle(from);
    STYLES.forEach((name) => to.setAttribute(name, computed.getPropertyValue(name)));
  };
  const make = (space, name, attributes, parent) => {
    const made = document.createElementNS(space, name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    if (parent) parent.append(made);
    return made;
  };

  // The figure as one picture: what is drawn and written in it stays where it is, with styles of its own.
  const picture = (figure) => {
    const space = figure.querySelector('svg').namespaceURI;
    const panels = figure.querySelector('.panels').getBoundingClientRect();
    const all = figure.getBoundingClientRect();
    const [width, height] = [Math.ceil(all.width) + 24, Math.ceil(panels.bottom - all.top) + 24];
    const place = (box) => ({ x: box.left - all.left + 12, y: box.top - all.top + 12, width: box.width, height: box.height });
    const out = make(space, 'svg', { width, height, viewBox: `0 0 ${width} ${height}` });
    const desc = make(space, 'desc', {}, out);
    desc.textContent = figure.querySelector('figcaption').textContent;
    make(space, 'rect', { width, height, fill: getComputedStyle(document.body).backgroundColor }, out);
    figure.querySelectorAll('h3, .legend li').forEach((line) => {
      const walk = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
      while (walk.nextNode()) {
        const node = walk.currentNode;
        if (!node.data.trim() || node.parentElement.closest('.save, svg')) continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        const box = place(range.getClientRects()[0] || range.getBoundingClientRect());
        const text = make(space, 'text', { x: box.x, y: box.y + 0.78 * box.height }, out);
        text.textContent = node.data.trim();
        style(node.parentElement, text);
        text.setAttribute('fill', getComputedStyle(node.parentElement).color);
        text.setAttribute('stroke', 'none');
      }
    });
    figure.querySelectorAll('svg').forEach((svg) => {
      const copy = svg.cloneNode(true);
      const copies = copy.querySelectorAll('*');
      svg.querySelectorAll('*').forEach((element, at) => style(element, copies[at]));
      copy.querySelectorAll('.values, .cells').forEach((element) => element.remove());
      [copy, ...copy.querySelectorAll('*')].forEach((element) => {
        ['class', 'id', 'role', 'aria-labelledby', 'data-said'].forEach((name) => element.removeAttribute(name));
      });
      Object.entries(place(svg.getBoundingClientRect())).forEach(([key, value]) => copy.setAttribute(key, value));
      copy.setAttribute('overflow', 'visible');
      out.append(copy);
    });
    return { text: new XMLSerializer().serializeToString(out), width, height };
  };
  const download = (blob, name) => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  const slug = (text) => text.replace(/[^A-Za-z0-9]+/g, '-').replace(/^-|-$/g, '').slice(0, 80).toLowerCase();
  document.querySelectorAll('figure').forEach((figure) => {
    const title = figure.querySelector('h3');
    const name = slug(`${document.title} ${title.textContent}`);
    const bar = make(title.namespaceURI, 'span', { class: 'save' });
    const button = (kind, save) => {
      const made = make(title.namespaceURI, 'button', { type: 'button', title: `Save this figure as ${kind}` }, bar);
      made.textContent = kind;
      made.addEventListener('click', () => save(picture(figure)));
    };
    button('SVG', ({ text }) => download(new Blob([text], { type: 'image/svg+xml' }), `${name}.svg`));
    button('PNG', ({ text, width, height }) => {
      const image = new Image();
      image.onload = () => {
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [3 * width, 3 * height];
        canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
        canvas.toBlob((blob) => download(blob, `${name}.png`));
      };
      image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
    });
    title.append(bar);
  });

  const tip = document.createElement('div');
  tip.className = 'tip';
  tip.hidden = true;
  document.body.append(tip);
  document.querySelectorAll('.plot title').forEach((title) => {
    if (title.parentNode.classList.contains('plot')) return;
    title.parentNode.dataset.said = title.textContent;
    title.remove();
  });
  const cell = (field, event) => {
    const box = field.getBoundingClientRect();
    const [rows, columns] = [field.dataset.rows.split('\n'), field.dataset.columns.split('\n')];
    const at = (share, count) => Math.max(0, Math.min(count - 1, Math.floor(share * count)));
    const row = at((event.clientY - box.top) / box.height, rows.length);
    const column = at((event.clientX - box.left) / box.width, columns.length);
    const value = field.dataset.values.split(' ')[row * columns.length + column];
    return `${row + 1} ${rows[row]}\n${column + 1} ${columns[column]}\n${value}`;
  };
  const point = (event) => {
    const said = event.target.closest('[data-said]');
    const field = event.target.closest('.cells');
    tip.hidden = !(said || field);
    if (tip.hidden) return;
    tip.textContent = field ? cell(field, event) : said.dataset.said;
    const right = event.clientX + tip.offsetWidth + 24 > document.documentElement.clientWidth;
    tip.style.left = `${Math.max(0, event.clientX + (right ? -tip.offsetWidth - 12 : 12))}px`;
    tip.style.top = `${event.clientY + 14}px`;
  };
  document.addEventListener('pointermove', point);
  document.addEventListener('pointerdown', point);

  const fit = () => document.querySelectorAll('.scroll').forEach((box) => {
    box.classList.toggle('wider', box.scrollWidth > box.clientWidth + 1);
  });
  addEventListener('resize', fit);
  fit();
})();
