// The operator's commands for organizations: what sys-admins do through the API, without one. They never touch an
// organization's people, but for its first manager.
import { orgCreateSchema } from '@meridian/protocol/org-create'
import { orgPageQuerySchema } from '@meridian/protocol/org-details'
import { orgStatusSchema } from '@meridian/protocol/orgs'
import { z } from 'zod'
import { COMMAND, OPERATOR } from '../directory/by-actor.ts'
import { createOrganization } from '../directory/create-organization.ts'
import { readLicence, setLicence } from '../directory/entitlements.ts'
import { addFirstManager } from '../directory/first-manager.ts'
import { listOrganizationPage, readOrganization } from '../directory/organization-details.ts'
import {
  changeOrganizationStatus,
  deleteOrganizationForGrace,
  restoreDeletedOrganization,
} from '../directory/organization-lifecycle.ts'
import { addRegion, withdrawRegion } from '../directory/organization-regions.ts'
import { type Command, command } from './command.ts'

const dryRun = z.boolean().default(false)
const slugOrId = z.string().min(1)
const { shape } = orgCreateSchema
const person = shape.first_manager.shape
const moduleKeys = z.array(z.string()).max(200)
const onOrg = { operands: ['org'], isRehearsable: true, input: z.strictObject({ org: slugOrId, dryRun }) } as const
const onRegion = {
  operands: ['org', 'region'],
  isRehearsable: true,
  input: z.strictObject({ org: slugOrId, region: z.string(), dryRun }),
} as const

export const ORG_COMMANDS = {
  'org list': command({
    summary: 'shows the organizations, oldest first',
    usage: 'org list [--search TEXT] [--status STATUS] [--limit N] [--cursor CURSOR]',
    input: orgPageQuerySchema,
    run: async (deps, query) => {
      const page = await listOrganizationPage(deps, query)
      const orgs = page.orgs.map(({ id, slug, name, status, regions }) => ({ id, slug, name, status, regions }))
      return { orgs, next_cursor: page.next_cursor }
    },
  }),
  'org show': command({
    summary: 'shows one organization, by its slug or id',
    usage: 'org show ORG',
    operands: ['org'],
    input: z.strictObject({ org: slugOrId }),
    run: (deps, { org }) => readOrganization(deps, OPERATOR, org),
  }),
  'org create': command({
    summary: 'makes an organization with its regions, its first manager and its licence',
    usage: [
      'org create --slug SLUG --name NAME --region CODE… --manager-email ADDRESS --manager-name NAME',
      '[--contact-email ADDRESS --contact-name NAME] [--tier free|standard|premium] [--module KEY…] [--dry-run]',
    ].join(' '),
    details: '--region and --module may be repeated; the first region is home. Without a contact it is the manager.',
    isRehearsable: true,
    input: z.strictObject({
      slug: shape.slug,
      name: shape.name,
      region: shape.regions,
      managerEmail: person.email,
      managerName: person.name,
      contactEmail: person.email.optional(),
      contactName: person.name.optional(),
      tier: shape.subscription_tier,
      module: moduleKeys.default([]),
      dryRun,
    }),
    run: async (deps, given) => {
      const manager = { name: given.managerName, email: given.managerEmail }
      const request = {
        slug: given.slug,
        name: given.name,
        primary_contact: { name: given.contactName ?? manager.name, email: given.contactEmail ?? manager.email },
        subscription_tier: given.tier,
        regions: given.region,
        first_manager: manager,
        modules: given.module,
      }
      return createOrganization(deps, OPERATOR, orgCreateSchema.parse(request), undefined, COMMAND)
    },
  }),
  'org status': command({
    summary: 'opens an organization, closes it for maintenance, or suspends it',
    usage: 'org status ORG active|maintenance|suspended [--dry-run]',
    operands: ['org', 'status'],
    isRehearsable: true,
    input: z.strictObject({ org: slugOrId, status: orgStatusSchema.exclude(['deleted']), dryRun }),
    run: (deps, { org, status }) => changeOrganizationStatus(deps, OPERATOR, org, status, 'any', COMMAND),
  }),
  'org delete': command({
    ...onOrg,
    summary: 'closes an organization for good; its data goes once the time to restore it is over',
    usage: 'org delete ORG [--dry-run]',
    run: (deps, { org }) => deleteOrganizationForGrace(deps, OPERATOR, org, 'any', COMMAND),
  }),
  'org restore': command({
    ...onOrg,
    summary: 'brings a deleted organization back while that is possible',
    usage: 'org restore ORG [--dry-run]',
    run: (deps, { org }) => restoreDeletedOrganization(deps, OPERATOR, org, 'any', COMMAND),
  }),
  'org add-region': command({
    ...onRegion,
    summary: 'adds a region to an organization, or brings it back',
    usage: 'org add-region ORG REGION [--dry-run]',
    run: (deps, { org, region }) => addRegion(deps, OPERATOR, org, region, 'any', COMMAND),
  }),
  'org remove-region': command({
    ...onRegion,
    summary: 'withdraws an organization from a region; nothing is erased there',
    usage: 'org remove-region ORG REGION [--dry-run]',
    run: (deps, { org, region }) => withdrawRegion(deps, OPERATOR, org, region, 'any', COMMAND),
  }),
  'org first-manager': command({
    summary: 'makes somebody manager of an organization that has none',
    usage: 'org first-manager ORG --email ADDRESS --name NAME [--dry-run]',
    operands: ['org'],
    isRehearsable: true,
    input: z.strictObject({ org: slugOrId, ...person, dryRun }),
    run: (deps, { org, email, name }) => addFirstManager(deps, OPERATOR, org, { email, name }, undefined, COMMAND),
  }),
  'org license': command({
    summary: 'makes these modules the whole licence of an organization; without any, shows it',
    usage: 'org license ORG [MODULE…] [--none] [--dry-run]',
    details: '--none withdraws all modules.',
    operands: ['org', 'modules…'],
    isRehearsable: true,
    input: z
      .strictObject({ org: slugOrId, modules: moduleKeys, none: z.boolean().default(false), dryRun })
      .refine((given) => !given.none || given.modules.length === 0, { error: '--none stands alone', path: ['none'] }),
    run: async (deps, { org, modules: licensed, none }) =>
      none || licensed.length > 0 ? setLicence(deps, OPERATOR, org, licensed, 'any', COMMAND) : readLicence(deps, org),
  }),
} satisfies Record<string, Command<z.ZodType>>
