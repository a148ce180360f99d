import { problemSchema } from '@meridian/protocol/problem'
import { recordPageSchema, recordSchema } from '@meridian/protocol/records'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { idOf } from '../resource-server/region-issuer.ts'
import { eachEngine } from '../support/databases.ts'
import { type Answer, type Call, comparable, type RegionService, startRegion } from './region-service.ts'

function isProblem(t: Test, answer: Answer, status: number, code: string, title: string) {
  t.equal(answer.statusCode, status, title)
  t.equal(answer.headers['content-type'], 'application/problem+json', title)
  t.equal(answer.headers['cache-control'], 'no-store', title)
  const problem = problemSchema.parse(answer.json())
  t.equal(problem.code, code, title)
  t.notMatch(answer.body, /stack|SELECT|prisma|node_modules/i, title)
  return problem
}

async function create(call: Call, title: string) {
  const answer = await call('POST', '/v1/records', { payload: { title } })
  return recordSchema.parse(answer.json())
}

type Scene = Pick<RegionService, 'as' | 'clock' | 'database'> & { orgId: string; otherOrgId: string }
const scenes: [title: string, play: (t: Test, scene: Scene) => Promise<void>][] = []

/** Plays in two organizations of its own, on one region per engine. */
function scene(title: string, play: (t: Test, scene: Scene) => Promise<void>): void {
  scenes.push([title, play])
}

scene('what a route does not take is refused, where it is taken elsewhere as well', async (t, { as }) => {
  const call = as()
  const { id } = await create(call, 'Kept')
  const url = `/v1/records/${id}`
  for (const path of [url, '/v1/me/context', '/v1/records', '/v1/members']) {
    const problem = isProblem(t, await call('GET', `${path}?bogus=1`), 400, 'invalid_request', path)
    t.match(problem.errors, [{ pointer: '/bogus', detail: 'Unknown field' }])
  }
  const withBody = await call('DELETE', url, { payload: { bogus: 1 } })
  t.match(isProblem(t, withBody, 400, 'invalid_request', 'a body').detail, 'No body is taken here')
  isProblem(t, await call('POST', '/v1/records?bogus=1', { payload: { title: 'x' } }), 400, 'invalid_request', 'both')
  t.equal((await call('GET', url)).statusCode, 200, 'nothing was done')
})

scene('a record is created, read, changed and deleted', async (t, { as, clock, orgId }) => {
  const call = as()
  const created = await call('POST', '/v1/records', { payload: { title: '  First  ', body: 'line\nline' } })
  t.equal(created.statusCode, 201)
  const record = recordSchema.parse(created.json())
  const at = new Date(clock.nowMs()).toISOString()
  t.strictSame(record, {
    id: record.id,
    org_id: orgId,
    title: 'First',
    body: 'line\nline',
    version: 1,
    created_by: idOf('ada'),
    created_at: at,
    updated_at: at,
  })
  const url = `/v1/records/${record.id}`
  t.equal(created.headers.location, url)
  t.equal(created.headers.etag, '"1"')

  const read = await call('GET', url)
  t.strictSame([read.statusCode, read.headers.etag, read.json()], [200, '"1"', record])
  t.equal(
    (await call('GET', url.toUpperCase().replace('/V1/RECORDS', '/v1/records'))).statusCode,
    200,
    'case of the id',
  )
  const head = await call('HEAD', url)
  t.strictSame([head.statusCode, head.headers.etag, head.body], [200, '"1"', ''])

  clock.advanceSeconds(60)
  const changed = await call('PATCH', url, { payload: { body: 'new' }, headers: { 'if-match': '"1"' } })
  t.equal(changed.statusCode, 200)
  t.equal(changed.headers.etag, '"2"')
  const later = new Date(clock.nowMs()).toISOString()
  t.strictSame(changed.json(), { ...record, body: 'new', version: 2, updated_at: later })

  const deleted = await call('DELETE', url)
  t.strictSame([deleted.statusCode, deleted.body], [204, ''])
  isProblem(t, await call('GET', url), 404, 'not_found', 'afterwards')
  isProblem(t, await call('DELETE', url), 404, 'not_found', 'a second time')
})

scene('a change needs the version that it replaces', async (t, { as }) => {
  const call = as()
  const { id } = await create(call, 'versioned')
  const url = `/v1/records/${id}`
  const patch = (ifMatch: string | undefined) =>
    call('PATCH', url, { payload: { body: 'x' }, headers: ifMatch === undefined ? {} : { 'if-match': ifMatch } })
  isProblem(t, await patch(undefined), 428, 'precondition_required', 'no If-Match')
  for (const stale of [
    '"2"',
    '"0"',
    '"01"',
    'W/"1"',
    '"a"',
    '""',
    '"9999999999"',
    '"99999999999999999999"',
    '"2", W/"1"',
  ]) {
    isProblem(t, await patch(stale), 412, 'precondition_failed', stale)
  }
  for (const malformed of ['1', '"1', "'1'", '*, "1"', '"1" "2"', '""1""', ' ']) {
    isProblem(t, await patch(malformed), 400, 'invalid_request', malformed)
  }
  t.equal((await call('GET', url)).headers.etag, '"1"', 'nothing was changed')
  t.equal((await patch('"7", "1"')).headers.etag, '"2"', 'one of a list')
  t.equal((await patch('*')).headers.etag, '"3"', 'any version')
  const drop = (ifMatch: string) => call('DELETE', url, { headers: { 'if-match': ifMatch } })
  isProblem(t, await drop('"2"'), 412, 'precondition_failed', 'deleting a stale version')
  isProblem(t, await drop('3'), 400, 'invalid_request', 'deleting with a malformed one')
  t.equal((await drop('"3"')).statusCode, 204)
})

scene('of twenty changes that expect the same version one wins', async (t, { as }) => {
  const call = as()
  for (let round = 1; round <= 3; round += 1) {
    const { id } = await create(call, `round ${round}`)
    const url = `/v1/records/${id}`
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        call('PATCH', url, { payload: { body: `writer ${index}` }, headers: { 'if-match': '"1"' } }),
      ),
    )
    const winners = answers.filter(({ statusCode }) => statusCode === 200)
    t.equal(winners.length, 1)
    t.equal(answers.filter(({ statusCode }) => statusCode === 412).length, 19)
    t.strictSame((await call('GET', url)).json(), winners[0]?.json(), 'and what it wrote is there')
  }
})

scene('of changes and deletions of the same version one wins', async (t, { as }) => {
  const call = as()
  for (let round = 1; round <= 5; round += 1) {
    const { id } = await create(call, `round ${round}`)
    const headers = { 'if-match': '"1"' }
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        index % 2 === 0
          ? call('PATCH', `/v1/records/${id}`, { payload: { body: String(index) }, headers })
          : call('DELETE', `/v1/records/${id}`, { headers }),
      ),
    )
    t.equal(answers.filter(({ statusCode }) => statusCode < 300).length, 1)
    t.ok(answers.every(({ statusCode }) => [200, 204, 404, 412].includes(statusCode)))
  }
})

scene('what is not understood is refused and pointed at', async (t, { as }) => {
  const call = as()
  const { id } = await create(call, 'stays')
  const cases: [payload: unknown, pointers: string[]][] = [
    [{}, ['/title']],
    [{ title: '' }, ['/title']],
    [{ title: '   ' }, ['/title']],
    [{ title: 'x'.repeat(201) }, ['/title']],
    [{ title: 1 }, ['/title']],
    [{ title: { not: '' } }, ['/title']],
    [{ title: 'a\u0000b' }, ['/title']],
    [{ title: 'a\ud800b' }, ['/title']],
    [{ title: 'x', body: 'a\u0000b' }, ['/body']],
    [{ title: 'x', body: 'x'.repeat(100_001) }, ['/body']],
    [{ title: 'x', body: null }, ['/body']],
    [{ title: 'x', org_id: idOf('globex') }, ['/org_id']],
    [{ title: 'x', orgId: idOf('globex'), id: idOf('mine'), version: 7 }, ['/orgId', '/id', '/version']],
    [[], ['']],
    ['text', ['']],
  ]
  for (const [payload, pointers] of cases) {
    const title = JSON.stringify(payload).slice(0, 60)
    const answer = await call('POST', '/v1/records', {
      payload: JSON.stringify(payload),
      headers: { 'content-type': 'application/json' },
    })
    const problem = isProblem(t, answer, 400, 'invalid_request', title)
    t.strictSame(problem.errors?.map(({ pointer }) => pointer).sort(), [...pointers].sort(), title)
  }
  for (const payload of [{}, { title: null }, { version: 2 }, { title: 'x', created_by: idOf('max') }]) {
    const headers = { 'if-match': '"1"' }
    isProblem(t, await call('PATCH', `/v1/records/${id}`, { payload, headers }), 400, 'invalid_request', 'a patch')
  }
  for (const query of [
    'limit=0',
    'limit=101',
    'limit=x',
    'limit=1.5',
    'limit=',
    'cursor=',
    'cursor=x',
    'cursor=a&cursor=b',
    'org_id=x',
    'sort=asc',
  ]) {
    isProblem(t, await call('GET', `/v1/records?${query}`), 400, 'invalid_request', query)
  }
  const foreignCursor = Buffer.from("' OR true --").toString('base64url')
  isProblem(t, await call('GET', `/v1/records?cursor=${foreignCursor}`), 400, 'invalid_request', 'no id in the cursor')
  isProblem(
    t,
    await call('POST', '/v1/records', { payload: 'title=x', headers: { 'content-type': 'text/plain' } }),
    415,
    'unsupported_media_type',
    'text',
  )
  isProblem(
    t,
    await call('POST', '/v1/records', { payload: '{', headers: { 'content-type': 'application/json' } }),
    400,
    'invalid_request',
    'half a body',
  )
  isProblem(t, await call('PUT', `/v1/records/${id}`, { payload: { title: 'x' } }), 405, 'method_not_allowed', 'PUT')
  const { records } = recordPageSchema.parse((await call('GET', '/v1/records')).json())
  t.strictSame(
    records.map(({ title, version }) => [title, version]),
    [['stays', 1]],
    'and nothing was written',
  )
})

scene('text is stored as it came', async (t, { as }) => {
  const call = as()
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 50 }).filter((value) => value.trim() !== '')
  await fc.assert(
    fc.asyncProperty(text, fc.string({ unit: 'binary', maxLength: 200 }), async (title, body) => {
      const answer = await call('POST', '/v1/records', { payload: { title, body } })
      if (body.includes('\0') || !body.isWellFormed() || title.trim().length > 200) return answer.statusCode === 400
      const stored = (await call('GET', answer.headers.location as string)).json()
      return stored.title === title.trim() && stored.body === body
    }),
    { numRuns: 40 },
  )
  t.pass('for 40 texts')
})

scene('pages follow each other without gap or repetition, newest first', async (t, { as, clock, otherOrgId }) => {
  const call = as()
  const other = as({ org_id: otherOrgId })
  const titles: string[] = []
  for (let index = 0; index < 25; index += 1) {
    if (index % 3 === 0) clock.advanceSeconds(1)
    titles.unshift((await create(call, `record ${index}`)).title)
    if (index % 2 === 0) await create(other, `foreign ${index}`)
  }
  for (const limit of [1, 2, 7, 20, 24, 25, 26, 100]) {
    const seen: string[] = []
    let cursor: string | null = ''
    let pages = 0
    while (cursor !== null) {
      const query: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
      const page = recordPageSchema.parse((await call('GET', `/v1/records?limit=${limit}${query}`)).json())
      t.ok(page.records.length <= limit)
      seen.push(...page.records.map(({ title }) => title))
      cursor = page.next_cursor
      pages += 1
    }
    t.strictSame(seen, titles, `limit ${limit}`)
    t.equal(pages, Math.ceil(25 / limit), `limit ${limit}: no empty last page`)
  }
  const { records } = recordPageSchema.parse((await call('GET', '/v1/records')).json())
  t.equal(records.length, 20, 'twenty unless asked otherwise')
  const [first] = records
  const page = await call('GET', '/v1/records?limit=5')
  await create(call, 'arrives between two pages')
  await call('DELETE', `/v1/records/${first?.id ?? ''}`)
  const next = await call('GET', `/v1/records?limit=5&cursor=${page.json().next_cursor}`)
  t.strictSame(
    recordPageSchema.parse(next.json()).records.map(({ title }) => title),
    titles.slice(5, 10),
    'what comes or goes meanwhile moves nothing',
  )
})

scene(
  "another organization's record is answered like one that never was",
  async (t, { as, database, orgId, otherOrgId }) => {
    const ada = as()
    const max = as({ org_id: otherOrgId, sub: idOf('max'), sid: idOf('max’s session'), mid: idOf('max in globex') })
    const { id: foreignId } = await create(max, 'globex only')
    const mine = await create(ada, 'acme only')
    const before = (await max('GET', `/v1/records/${foreignId}`)).json()
    const tries: [method: string, options: object][] = [
      ['GET', {}],
      ['HEAD', {}],
      ['PATCH', { payload: { title: 'mine now' }, headers: { 'if-match': '"1"' } }],
      ['PATCH', { payload: { title: 'mine now' }, headers: { 'if-match': '*' } }],
      ['PATCH', { payload: { title: 'mine now' }, headers: { 'if-match': '"9"' } }],
      ['DELETE', {}],
      ['DELETE', { headers: { 'if-match': '"1"' } }],
      ['DELETE', { headers: { 'if-match': '"9"' } }],
    ]
    for (const [method, options] of tries) {
      const foreign = await ada(method, `/v1/records/${foreignId}`, options)
      t.equal(foreign.statusCode, 404, method)
      for (const unknown of [idOf('nothing'), 'no-id', '0', '00000000-0000-4000-8000-000000000000', '%27%20OR%201=1']) {
        t.strictSame(
          comparable(await ada(method, `/v1/records/${unknown}`, options)),
          comparable(foreign),
          `${method} ${unknown}`,
        )
      }
    }
    t.strictSame((await max('GET', `/v1/records/${foreignId}`)).json(), before, 'and nothing happened to it')
    const listed = recordPageSchema.parse((await ada('GET', '/v1/records')).json()).records
    t.strictSame(
      listed.map(({ id }) => id),
      [mine.id],
      'lists show none of it',
    )
    const cursor = Buffer.from(foreignId, 'latin1').toString('base64url')
    const after = recordPageSchema.parse((await ada('GET', `/v1/records?cursor=${cursor}`)).json()).records
    t.ok(
      after.every(({ org_id }) => org_id === orgId),
      'nor does its id as a cursor',
    )
    t.equal(
      (
        await database.sql(
          {
            name: 'count_all',
            text: 'SELECT count(*)::integer AS count FROM record WHERE org_id IN ($1::uuid, $2::uuid)',
          },
          [orgId, otherOrgId],
        )
      )[0]?.['count'],
      2,
    )
  },
)

scene('an organization that the caller names anywhere changes nothing', async (t, { as, orgId, otherOrgId }) => {
  const ada = as()
  const max = as({ org_id: otherOrgId })
  const { id } = await create(max, 'globex only')
  const globex = otherOrgId
  const headers = {
    'x-org-id': globex,
    'x-tenant-id': globex,
    'x-tenant': 'globex',
    'x-forwarded-host': 'globex.in.example.com',
    cookie: `org_id=${globex}; tenant=globex`,
  }
  t.equal((await ada('GET', `/v1/records/${id}`, { headers })).statusCode, 404)
  t.strictSame((await ada('GET', '/v1/records', { headers })).json().records, [])
  const created = await ada('POST', '/v1/records', { headers, payload: { title: 'whose?' } })
  t.equal(recordSchema.parse(created.json()).org_id, orgId)
  for (const query of ['org_id', 'org', 'tenant', 'filter[org_id]', 'where']) {
    isProblem(t, await ada('GET', `/v1/records?${query}=${globex}`), 400, 'invalid_request', query)
  }
})

scene('who may only read writes nothing', async (t, { as }) => {
  const viewer = as({ role: 'viewer' })
  const { id } = await create(as({ role: 'member' }), 'readable')
  t.equal((await viewer('GET', '/v1/records')).statusCode, 200)
  t.equal((await viewer('GET', `/v1/records/${id}`)).statusCode, 200)
  const headers = { 'if-match': '"1"' }
  isProblem(t, await viewer('POST', '/v1/records', { payload: { title: 'x' } }), 403, 'access_denied', 'POST')
  isProblem(
    t,
    await viewer('PATCH', `/v1/records/${id}`, { payload: { title: 'x' }, headers }),
    403,
    'access_denied',
    'PATCH',
  )
  isProblem(t, await viewer('DELETE', `/v1/records/${id}`), 403, 'access_denied', 'DELETE')
  isProblem(t, await viewer('DELETE', `/v1/records/${idOf('nothing')}`), 403, 'access_denied', 'before any look-up')
})

await eachEngine(t, 'records', async (t, makePlace) => {
  const region = await startRegion(t, await makePlace('region'))
  for (const [title, play] of scenes) {
    const orgId = idOf(title)
    const as: Scene['as'] = (changes = {}) => region.as({ org_id: orgId, ...changes })
    const scene = { clock: region.clock, database: region.database, as, orgId, otherOrgId: idOf(`other than ${title}`) }
    await region.deps.revocationFollower.refresh()
    await t.test(title, (t) => play(t, scene))
  }
})
