// The people, organizations and clients of one history, and what happens to them: in the model and in the database.
import { randomBytes } from 'node:crypto'
import { createUuidV7 } from '@meridian/database/uuid-v7'
import { declareRestored } from '../../services/identity/src/sessions/restored.ts'
import type { IdentityDatabase } from '../../services/identity/src/store/open-store.ts'
import { letManagersGo } from './manager-guards.ts'
import type { Org, Person, World } from './rotation-model.ts'

const makeId = createUuidV7({ now: Date.now, randomBytes })

export async function createWorld(db: IdentityDatabase, run: number, now: number): Promise<World> {
  await db.prisma.client.updateMany({ data: { status: 'active' } })
  await letManagersGo({ db })
  const a = await createOrg(db, `a${run}`, ['in', 'us'])
  const g = await createOrg(db, `g${run}`, ['us'])
  const first = await createPerson(db, `first.${run}@x.test`, [
    ['a in', a, 'manager'],
    ['a us', a, 'viewer'],
    ['g us', g, 'member'],
  ])
  const second = await createPerson(db, `second.${run}@x.test`, [['a in', a, 'member']])
  // Organizations keep a manager, whatever becomes of these two.
  await createPerson(db, `keeper.${run}@x.test`, [
    ['a in', a, 'manager'],
    ['g us', g, 'manager'],
  ])
  const { epoch } = await declareRestored({ db, makeId }, true)
  return {
    now,
    epoch: String(epoch),
    people: [first, second],
    orgs: new Map([
      ['a', a],
      ['g', g],
    ]),
    deletedClients: new Set(),
    families: [],
    notices: 0,
    signOuts: 0,
  }
}

async function createOrg({ prisma }: IdentityDatabase, slug: string, regions: readonly string[]): Promise<Org> {
  const id = makeId()
  await prisma.organization.create({
    data: { id, slug, name: slug, primaryContactName: 'Contact', primaryContactEmail: 'contact@x.test' },
  })
  for (const region of regions) await prisma.organizationRegion.create({ data: { orgId: id, region } })
  return { id, slug, isSuspended: false, withdrawnFrom: new Set() }
}

async function createPerson(
  { prisma }: IdentityDatabase,
  email: string,
  held: readonly (readonly [place: string, org: Org, role: string])[],
): Promise<Person> {
  const userId = makeId()
  await prisma.userAccount.create({ data: { id: userId, email, name: email } })
  const person: Person = { email, isDisabled: false, memberships: new Map() }
  for (const [place, org, role] of held) {
    await prisma.membership.create({ data: { id: makeId(), userId, orgId: org.id, region: place.slice(2), role } })
    person.memberships.set(place, { role, version: 1, isActive: true })
  }
  return person
}

export async function setDisabled(db: IdentityDatabase, world: World, who: number, isDisabled: boolean): Promise<void> {
  const person = personOf(world, who)
  person.isDisabled = isDisabled
  const status = isDisabled ? 'disabled' : 'active'
  await db.prisma.userAccount.update({ where: { email: person.email }, data: { status } })
}

export function personOf(world: World, who: number): Person {
  return world.people[who === 0 ? 0 : 1]
}

type Place = 'a in' | 'a us' | 'g us'

function orgOf(world: World, place: string): Org {
  const org = world.orgs.get(place.slice(0, 1))
  if (org === undefined) throw new Error(`no organization for ${place}`)
  return org
}

export async function setMembership(
  db: IdentityDatabase,
  world: World,
  to: { who: number; place: Place; role: string; isActive: boolean },
): Promise<void> {
  const person = personOf(world, to.who)
  const membership = person.memberships.get(to.place)
  if (membership === undefined) return
  try {
    await db.prisma.membership.updateMany({
      where: { user: { email: person.email }, orgId: orgOf(world, to.place).id, region: to.place.slice(2) },
      data: { role: to.role, status: to.isActive ? 'active' : 'removed' },
    })
  } catch (error) {
    // The last manager in a region that is not withdrawn stays one.
    if (!String(error).includes('an organization keeps an active manager')) throw error
    return
  }
  if (membership.role !== to.role || membership.isActive !== to.isActive) membership.version += 1
  membership.role = to.role
  membership.isActive = to.isActive
}

export async function setSuspended(db: IdentityDatabase, world: World, name: string, is: boolean): Promise<void> {
  const org = orgOf(world, name)
  org.isSuspended = is
  // An organization under maintenance admits its people.
  await db.prisma.organization.update({ where: { id: org.id }, data: { status: is ? 'suspended' : 'maintenance' } })
}

export async function setWithdrawn(db: IdentityDatabase, world: World, place: Place, is: boolean): Promise<void> {
  const org = orgOf(world, place)
  const region = place.slice(2)
  if (is) org.withdrawnFrom.add(region)
  else org.withdrawnFrom.delete(region)
  const where = { orgId_region: { orgId: org.id, region } }
  await db.prisma.organizationRegion.update({ where, data: { status: is ? 'withdrawn' : 'active' } })
}

export async function setClientDeleted(db: IdentityDatabase, world: World, is: boolean): Promise<void> {
  if (is) world.deletedClients.add('other')
  else world.deletedClients.delete('other')
  await db.prisma.client.update({ where: { id: 'other' }, data: { status: is ? 'deleted' : 'active' } })
}
