// A report shows what its own file holds.

import { byId } from './dom.js'
import { main } from './main.js'

try {
  main(byId('data').textContent, byId('ladders').textContent)
} catch (e) {
  byId('failed').hidden = false
  byId('failed').append(` ${e.message}`)
  throw e
}
