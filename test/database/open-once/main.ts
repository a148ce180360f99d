// A process that opens the database at argv[2] with the migrations in argv[3], asks it once, and ends.
import { openCounterDatabase } from '../counters.ts'

const [url = '', migrationsFolder = ''] = process.argv.slice(2)
const database = await openCounterDatabase({ url, migrationsFolder })
await database.ping()
await database.close()
