// ARCHITECTURE §5: /v1 refuses what it does not know, on every route alike. Each request is one of the access matrix that
// is granted, with something added: an unknown query parameter, an unknown member, a body where none is taken.
import t, { type Test } from 'tap'
import { readMatrix } from '../support/access-matrix.ts'
import type { Form, Reply } from '../support/identity.ts'
import { ACTORS, type AccessRow, type Target } from './access/shape.ts'
import { keepTables, startWorld } from './access/world.ts'

t.setTimeout(200_000)

const { rows, things } = await readMatrix()
const world = await startWorld(t, things)

type Added = { readonly query?: string; readonly payload?: object | string; readonly headers?: Form }

function granted(row: AccessRow) {
  for (const aim of ['own', 'foreign'] as const) {
    const actor = ACTORS.find((name) => Number.parseInt(row[aim][name], 10) < 400)
    if (actor !== undefined) return { target: world[aim], actor }
  }
  return undefined
}

function send(row: AccessRow, target: Target, token: string | undefined, added: Added): Promise<Reply> {
  const { url, payload, headers } = row.request(target)
  const sent = added.payload ?? payload
  return world.identity.inject({
    method: row.route.split(' ')[0] as 'GET',
    url: added.query === undefined ? url : `${url}${url.includes('?') ? '&' : '?'}${added.query}`,
    ...(sent === undefined ? {} : { payload: sent }),
    headers: { ...headers, ...added.headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
  })
}

function refused(t: Test, reply: Reply, pattern: object, title: string): void {
  t.match([reply.status, reply.body], [400, { code: 'invalid_request', ...pattern }], title)
}

const UNKNOWN = { errors: [{ pointer: '/bogus', detail: 'Unknown field' }] }
/** Its row sends none. */
const OPTIONAL_BODY = 'POST /v1/orgs/:org/support-grants/:id/approve'
const NO_BODY = { detail: 'No body is taken here' }
const BODIES: readonly Added[] = [
  { payload: { bogus: 1 } },
  { payload: 'bogus', headers: { 'content-type': 'text/plain' } },
  { payload: 'x'.repeat(300 * 1024), headers: { 'content-type': 'application/json' } },
]

t.test('what a route does not know is refused', async (t) => {
  const tables = await keepTables(world.identity)
  const before = await tables.read()
  const usable = rows.filter(({ route }) => route.includes(' /v1/')).map((row) => ({ row, grant: granted(row) }))
  t.ok(usable.length > 80, `${usable.length} routes`)
  for (const { row, grant } of usable) {
    if (grant === undefined) continue
    const { target, actor } = grant
    const token = actor === 'anonymous' ? undefined : world.tokens[actor]
    refused(t, await send(row, target, token, { query: 'bogus=1' }), UNKNOWN, `${row.route}: a parameter`)
    const { payload } = row.request(target)
    if (Buffer.isBuffer(payload)) continue
    if (payload !== undefined) {
      const reply = await send(row, target, token, { payload: { ...payload, bogus: 1 } })
      refused(t, reply, UNKNOWN, `${row.route}: a member`)
    } else if (row.route !== OPTIONAL_BODY) {
      for (const added of BODIES) refused(t, await send(row, target, token, added), NO_BODY, `${row.route}: a body`)
    }
  }
  t.ok((await tables.read()) === before, 'what was refused has changed nothing')
})
