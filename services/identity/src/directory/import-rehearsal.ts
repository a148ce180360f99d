/** What a dry run would have added by now, which the database does not show. Held in memory. */
export class ImportRehearsal {
  readonly #organizations = new Set<string>()
  readonly #regions = new Map<string, Set<string>>()
  readonly #people = new Set<string>()
  readonly #roles = new Map<string, string>()
  readonly #managed = new Set<string>()

  /** Whether it is the first time. */
  addOrganization(slug: string): boolean {
    const isFirst = !this.#organizations.has(slug)
    this.#organizations.add(slug)
    return isFirst
  }

  addRegions(slug: string, regions: Iterable<string>): void {
    this.#regions.set(slug, new Set([...(this.#regions.get(slug) ?? []), ...regions]))
  }

  addPerson(email: string): boolean {
    if (this.#people.has(email)) return false
    this.#people.add(email)
    return true
  }

  addMembership(key: string, org: string, role: string): void {
    this.#roles.set(key, role)
    if (role === 'manager') this.#managed.add(org)
  }

  hasPerson(email: string): boolean {
    return this.#people.has(email)
  }

  regionsOf(slug: string): ReadonlySet<string> | undefined {
    return this.#regions.get(slug)
  }

  roleOf(key: string): string | undefined {
    return this.#roles.get(key)
  }

  /** Of the organizations that have no manager now, and those that would be added, who would have none. */
  unmanaged(now: readonly string[]): readonly string[] {
    const slugs = new Set([...now, ...this.#organizations])
    return [...slugs].filter((slug) => !this.#managed.has(slug)).sort()
  }
}
