// Makes an empty embedded database in a new folder. A process of its own: it is busy for seconds.
import { PGlite } from '@electric-sql/pglite'

const [, , folder] = process.argv
if (folder === undefined) throw new Error('name the folder')
const database = await PGlite.create(folder)
await database.close()
