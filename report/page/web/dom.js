// Elements are made, never parsed: what comes from a capture stays text.

const svgNames = new Set(['svg', 'g', 'path', 'rect', 'line', 'text', 'pattern', 'defs', 'title', 'circle'])

// h makes an element. Of its attributes those that begin with "on" are listeners.
export function h(name, attributes = {}, ...children) {
  const element = svgNames.has(name)
    ? document.createElementNS('http://www.w3.org/2000/svg', name)
    : document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value)
    else element.setAttribute(key, value === true ? '' : value)
  }
  element.append(
    ...children
      .flat()
      .filter((c) => c !== null && c !== undefined)
      .map((c) => (c instanceof Node ? c : plain(c))),
  )
  return element
}

// plain shows control characters, and those that turn the direction of text, as escapes.
export function plain(text) {
  return String(text).replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'),
  )
}

export function byId(id) {
  return document.getElementById(id)
}

// fill puts children in the place of those that are there.
export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((c) => c !== null && c !== undefined))
}

// table makes a table of rows of cells, which are texts, numbers or elements.
export function table(caption, heads, rows, attributes = {}) {
  const cell = (c) =>
    h('td', { class: typeof c === 'number' ? 'number' : null }, typeof c === 'number' ? c.toLocaleString('en-US') : c)
  return h(
    'div',
    { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption },
    h(
      'table',
      attributes,
      h('caption', {}, caption),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          heads.map((x) => h('th', { scope: 'col' }, x)),
        ),
      ),
      h(
        'tbody',
        {},
        rows.map((r) => h('tr', {}, r.map(cell))),
      ),
    ),
  )
}

// twin is the table behind a chart, for those who cannot see it or want its numbers.
export function twin(...children) {
  return h('details', { class: 'twin' }, h('summary', {}, 'as a table'), children)
}

// copier is a button that copies a text.
export function copier(text) {
  const button = h(
    'button',
    {
      type: 'button',
      class: 'copy',
      onclick: async () => {
        try {
          await navigator.clipboard.writeText(text)
        } catch {
          // not allowed, as from a disk: the old way
          const area = h('textarea', {})
          area.value = text
          document.body.append(area)
          area.select()
          document.execCommand('copy')
          area.remove()
        }
        button.textContent = 'copied'
        setTimeout(() => {
          button.textContent = 'copy'
        }, 1500)
      },
    },
    'copy',
  )
  return button
}

// command is a command line with a button that copies it.
export function command(text) {
  return h('span', { class: 'command' }, h('code', {}, text), ' ', copier(text))
}
