// A process that writes rows into the data folder argv[2] for as long as it lives, with the migrations in argv[3]. On
// stdout: `had COUNT HIGHEST` once it is open, then the number of each row whose write was confirmed.
import { withTransaction } from '@meridian/database/transaction'
import { add, openCounterDatabase } from '../counters.ts'

const [folder = '', migrationsFolder = ''] = process.argv.slice(2)
const database = await openCounterDatabase({ embedded: { folder }, migrationsFolder })
const had = { name: 'had', text: 'SELECT count(*)::integer AS count, coalesce(max(id), 0) AS highest FROM counter' }
const insert = { name: 'insert', text: 'INSERT INTO counter VALUES ($1::integer, 0)' }
const [row] = await database.sql(had, [])
const highest = Number(row?.['highest'])
process.stdout.write(`had ${row?.['count']} ${highest}\n`)
for (let id = highest + 1; ; id += 1) {
  // Both ways of writing take turns.
  if (id % 2 === 0) {
    await database.sql(insert, [id])
  } else {
    await withTransaction(database, async (db) => {
      await db.sql(insert, [id])
      await add(db, id)
    })
  }
  process.stdout.write(`${id}\n`)
}
