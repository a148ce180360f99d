// A region's way through its lanes, held to their description.
import t from 'tap'
import { walkArea } from '../support/described-area.ts'
import { signIn } from '../support/identity.ts'
import { ask } from '../support/races.ts'
import { regionToken } from '../support/region-lanes.ts'

t.test('a region follows what it must refuse and erase as described', async (t) => {
  await walkArea(t, 'Region lanes', async (identity) => {
    const own = await regionToken(identity, 'in')
    const read = (path: string, bearer: string | undefined = own) => identity.get(`/v1/regions/in/${path}`, bearer)
    const first = await read('revocations')
    await read(`revocations?after=${first.body['cursor']}&wait=0`)
    const page = await read('changes?limit=1')
    await read(`changes?after=${page.body['cursor']}&wait=0`)
    await read('changes?after=x')
    await read('changes?limit=0')
    const { next } = (await read('snapshot?limit=1')).body
    await read(`snapshot?after=${next}`)
    await read('snapshot?after=x')
    await read('digests')
    await read(`digests?after=${next}`)
    await read('digests?after=x')
    for (const bulk of ['snapshot', 'digests']) await Promise.all(Array.from({ length: 8 }, () => read(bulk)))
    const order = identity.deps.makeId()
    const subject = identity.deps.makeId()
    const insert = 'INSERT INTO erasure_order (id, kind, subject_id, region) VALUES ($1::uuid, $2, $3::uuid, $4)'
    await ask(identity, insert, [order, 'user', subject, 'in'])
    const put = (path: string, bearer?: string) =>
      identity.inject({
        method: 'PUT',
        url: `/v1/regions/in/${path}`,
        headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer}` },
      })
    await read('erasures?limit=1')
    await put(`erasures/${order}`, own)
    await put(`erasures/${order}`, own)
    const foreign = identity.deps.makeId()
    await ask(identity, insert, [foreign, 'user', subject, 'us'])
    await put(`erasures/${foreign}`, own)
    await put(`erasures/${order}`)
    await put(`erasures/${'x'.repeat(300)}`, own)
    const person = String((await signIn(identity, 'lin@acme.test')).body['access_token'])
    const other = await regionToken(identity, 'us')
    for (const path of ['revocations', 'changes', 'snapshot', 'digests', 'erasures']) {
      for (const bearer of [person, other, 'no token']) await read(path, bearer)
      await identity.get(`/v1/regions/in/${path}`)
    }
    await read('revocations?wait=21')
    await read('erasures?limit=0')
    await identity.get(`/v1/regions/${'x'.repeat(300)}/revocations`, own)
  })
})
