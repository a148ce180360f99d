// What a process hears of its own database, where a reading fails or the database was put back from a backup.
import t from 'tap'
import { createClientOrigins } from '../../services/region/src/replica/client-origins.ts'
import { createNewsFollower } from '../../services/region/src/replica/follow-news.ts'
import { openRegionStore, type RegionDatabase } from '../../services/region/src/store/open-store.ts'
import { tellNews } from '../../services/region/src/store/replica-news.ts'
import { silentLog } from '../resource-server/region-issuer.ts'
import { embeddedPlace } from '../support/databases.ts'

const never = { nowMs: () => 0, random: () => 0, schedule: () => () => {}, log: silentLog }

async function openDatabase(): Promise<RegionDatabase> {
  const database = await openRegionStore(await embeddedPlace('region'))
  t.teardown(() => database.close())
  return database
}

function tell(database: RegionDatabase, kind: string): Promise<void> {
  return database.begin((db) => tellNews(db.sql, { kinds: [kind], memberships: [], organizations: [] }), {})
}

async function runs(database: RegionDatabase, text: string): Promise<void> {
  await database.sql({ name: 'of_a_test', text }, [])
}

t.test('news of a database that was put back from a backup are heard, and what came before is in doubt', async (t) => {
  const database = await openDatabase()
  const heard: string[] = []
  const listener = {
    onNews: ({ applied }: { applied: number }) => void heard.push(`news ${applied}`),
    onMissed: (applied: number) => void heard.push(`missed ${applied}`),
  }
  const news = createNewsFollower({ ...never, database, listeners: [listener] })
  await news.start()
  t.teardown(news.stop)
  for (let n = 0; n < 5; n += 1) await tell(database, 'client')
  await news.refresh()
  t.equal(heard.splice(0).at(-1), 'news 5')
  await news.refresh()
  t.strictSame(heard, [], 'nothing new')
  await runs(database, 'DELETE FROM replica_news WHERE applied > 2')
  await news.refresh()
  t.strictSame(heard.splice(0), ['missed 2'])
  await tell(database, 'client')
  await news.refresh()
  t.strictSame(heard, ['news 3'])
})

t.test('origins that could not be read are read again, without further news', async (t) => {
  const database = await openDatabase()
  let isAway = false
  const prisma = new Proxy(database.prisma, {
    get: (target, name) => {
      if (isAway && name === 'client') throw new Error('the database is away')
      return Reflect.get(target, name)
    },
  })
  const origins = createClientOrigins({ database: { ...database, prisma }, log: silentLog })
  const news = createNewsFollower({ ...never, database, listeners: [origins] })
  await news.start()
  t.teardown(news.stop)
  await origins.load()
  await database.prisma.client.create({ data: { id: 'web', allowedOrigins: ['https://new.example.test'] } })
  isAway = true
  await tell(database, 'client')
  await news.refresh()
  await news.refresh()
  t.equal(origins.has('https://new.example.test'), false)
  isAway = false
  for (let n = 0; n < 100 && !origins.has('https://new.example.test'); n += 1) {
    await news.refresh()
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.equal(origins.has('https://new.example.test'), true)
})
