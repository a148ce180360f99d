// Who is in the local stack from its first start. The document is what `meridian import` takes.

export const SYS_ADMIN = { email: 'root@meridian.test', name: 'Root' } as const

const contact = (name: string, email: string) => ({ name, email })

export const DIRECTORY = {
  organizations: [
    { slug: 'acme', name: 'Acme', primary_contact: contact('Ada', 'ada@acme.test'), regions: ['in', 'us'] },
    { slug: 'globex', name: 'Globex', primary_contact: contact('Max', 'max@globex.test'), regions: ['us'] },
  ],
  people: [
    {
      email: 'ada@acme.test',
      name: 'Ada',
      memberships: [
        { org: 'acme', region: 'in', role: 'manager' },
        { org: 'acme', region: 'us', role: 'viewer' },
      ],
    },
    { email: 'lin@acme.test', name: 'Lin', memberships: [{ org: 'acme', region: 'in', role: 'member' }] },
    { email: 'max@globex.test', name: 'Max', memberships: [{ org: 'globex', region: 'us', role: 'manager' }] },
    {
      email: 'sam@both.test',
      name: 'Sam',
      memberships: [
        { org: 'acme', region: 'in', role: 'member' },
        { org: 'globex', region: 'us', role: 'member' },
      ],
    },
    { email: 'nobody@meridian.test', name: 'Nobody', memberships: [] },
  ],
}
