// SECURITY 1.9 (A83, A84, A88) and 1.7 (A68): who may call what. Every request is made from the rows in access/: each
// route by each actor, aimed at their organization and at another. A route without a row fails.
import t, { type Test } from 'tap'
import { outcomeOf, readMatrix, sendAs } from '../support/access-matrix.ts'
import type { Reply } from '../support/identity.ts'
import { routesOf } from '../support/routes.ts'
import { ACTORS, type AccessRow, type Actor, type Outcome, type Target } from './access/shape.ts'
import { keepTables, startWorld, type World } from './access/world.ts'

t.setTimeout(280_000)

const { rows: ROWS, things: THINGS } = await readMatrix()

type Aim = 'own' | 'foreign'
type Cell = { readonly aim: Aim; readonly actor: Actor; readonly outcome: Outcome }

const cellsOf = (row: AccessRow): readonly Cell[] =>
  (['own', 'foreign'] as const).flatMap((aim) => ACTORS.map((actor) => ({ aim, actor, outcome: row[aim][actor] })))
const isRefusal = (outcome: Outcome) => Number.parseInt(outcome, 10) >= 400

const UNKNOWN_ID = '0198c5f2-7a3b-7c4d-8e5f-6a7b8c9d0e1f'
const UNKNOWN_DIGEST = 'f'.repeat(64)

const send = (world: World, row: AccessRow, actor: Actor, target: Target) =>
  sendAs(world, world.identity, row, actor, target)

/** An answer without what differs from request to request. */
function bytesOf({ status, text, headers }: Reply): string {
  const { 'x-request-id': id, date: _date, ...rest } = headers
  const others = Object.entries(rest).filter(([name]) => !name.startsWith('x-ratelimit-'))
  return JSON.stringify([status, text.replaceAll(String(id), ''), others])
}

/** The own organization, with everything in it that a path names taken from elsewhere. */
const withInsideOf = (target: Target, other: Pick<Target, 'user' | 'membership' | 'things'>): Target => ({
  ...target,
  user: other.user,
  membership: other.membership,
  things: other.things,
})

function nothingInside({ things }: Target): Pick<Target, 'user' | 'membership' | 'things'> {
  const unknown = Object.entries(things).map(([kind, id]) => [kind, id.length === 36 ? UNKNOWN_ID : UNKNOWN_DIGEST])
  return { user: UNKNOWN_ID, membership: UNKNOWN_ID, things: Object.fromEntries(unknown) }
}

const world = await startWorld(t, THINGS)

t.test('every route has one row', async (t) => {
  t.strictSame(ROWS.map(({ route }) => route).sort(), [...routesOf(world.identity.app)].sort())
})

t.test('the matrix', async (t) => {
  const tables = await keepTables(world.identity)
  for (const row of ROWS) {
    await t.test(row.route, async (t) => {
      const cells = cellsOf(row)
      const check = async ({ actor, aim, outcome }: Cell) => {
        const reply = await send(world, row, actor, world[aim])
        const isAsExpected = t.equal(outcomeOf(reply), outcome, `${actor}, ${aim}`)
        if (!isAsExpected) t.comment(reply.text)
      }
      const before = await tables.read()
      for (const cell of cells.filter(({ outcome }) => isRefusal(outcome))) await check(cell)
      await looksUnknown(t, world, row)
      await isNamedUnknown(t, world, row)
      await keepsApart(t, world, row)
      t.ok((await tables.read()) === before, 'what was refused has changed nothing')
      for (const cell of cells.filter(({ outcome }) => !isRefusal(outcome))) {
        await check(cell)
        if (!row.route.startsWith('GET ')) await tables.restore()
      }
      await tables.restore()
    })
  }
  t.comment(
    `access matrix: ${ROWS.length} routes × ${ACTORS.length} actors × 2 = ${ROWS.length * ACTORS.length * 2} requests`,
  )
})

/** An organization that a person may do nothing in, another one, and none at all are answered with the same bytes. */
async function looksUnknown(t: Test, world: World, row: AccessRow): Promise<void> {
  if (!row.route.includes('/:org')) return
  const unknown = { ...world.foreign, org: { id: UNKNOWN_ID, slug: 'nobodys-slug' } }
  for (const actor of ACTORS) {
    const refused = (['own', 'foreign'] as const).filter((aim) => row[aim][actor] === '403 access_denied')
    if (refused.length === 0) continue
    const replies = [...refused.map((aim) => world[aim]), unknown].map((target) => send(world, row, actor, target))
    t.equal(new Set((await Promise.all(replies)).map(bytesOf)).size, 1, `${actor}: unknown and forbidden look alike`)
  }
}

/** Sys-admins may know which organizations there are. */
async function isNamedUnknown(t: Test, world: World, row: AccessRow): Promise<void> {
  if (!row.route.includes('/:org') || isRefusal(row.own.sys_admin)) return
  const unknown = { ...world.own, org: { id: UNKNOWN_ID, slug: 'nobodys-slug' } }
  t.equal(outcomeOf(await send(world, row, 'sys_admin', unknown)), '404 not_found', 'sys_admin: there is none')
}

/** What belongs to another organization is not there, under one's own: the same bytes as for what nobody has. */
async function keepsApart(t: Test, world: World, row: AccessRow): Promise<void> {
  const { own, foreign } = world
  const crossed = withInsideOf(own, foreign)
  if (!row.route.includes('/:org/') || row.request(crossed).url === row.request(own).url) return
  for (const actor of ACTORS.filter((actor) => !isRefusal(row.own[actor]))) {
    const theirs = await send(world, row, actor, crossed)
    const nobodys = await send(world, row, actor, withInsideOf(own, nothingInside(own)))
    t.equal(outcomeOf(theirs), '404 not_found', `${actor}: another organization's is not there`)
    t.equal(bytesOf(theirs), bytesOf(nobodys), `${actor}: another organization's looks like nobody's`)
  }
}
