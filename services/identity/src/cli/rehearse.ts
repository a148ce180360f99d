// A dry run that cannot differ from the run: the same work, and every transaction of it is taken back.
import type { Database } from '@meridian/database/database'

class TakenBack<T> extends Error {
  readonly result: T
  constructor(result: T) {
    super('a dry run is taken back')
    this.result = result
  }
}

/** The same database, to which nothing is written. Ids and versions that it answers are of what was taken back. */
export function rehearsalOf<Client>(database: Database<Client>): Database<Client> {
  const begin: Database<Client>['begin'] = async (work, options) => {
    try {
      return await database.begin(async (db) => {
        throw new TakenBack(await work(db))
      }, options)
    } catch (error) {
      if (error instanceof TakenBack) return error.result
      throw error
    }
  }
  return { ...database, begin, sql: (statement, values) => begin((db) => db.sql(statement, values), {}) }
}
