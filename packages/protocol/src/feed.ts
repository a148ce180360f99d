// The change feed of a region (`GET /v1/regions/{code}/changes`, `…/snapshot`, `…/digests`): what the region may see of
// people, organizations, memberships, licences, domains and client origins, for that region's own clients.
//
// An entry is an entity's *current* state with its revision, which rises with each change of it, or null for what is to
// be seen no more. Revisions are compared under one epoch; a later epoch begins after a restore of the centre.
import { z } from 'zod'
import { domainIdSchema, domainStatusSchema } from './domains.ts'
import { membershipIdSchema, orgIdSchema, orgSlugSchema, userIdSchema } from './ids.ts'
import { moduleKeySchema } from './modules.ts'
import { orgStatusSchema, subscriptionTierSchema } from './orgs.ts'
import { roleSchema } from './roles.ts'
import { syncOrderKindSchema } from './sync-orders.ts'

/** Longest that a question waits for news, in seconds. */
export const FEED_WAIT_MAX_SECONDS = 20
/** Entries in a page of changes or of a snapshot, at most. */
export const FEED_PAGE_MAX = 1000
/** Entries that one digest vouches for, at most; and digests in a page, which is far less than a statement may take. */
export const DIGEST_RANGE_ENTRIES = 1000
export const DIGEST_PAGE_RANGES = 4

/** In the order in which keys rise. */
export const FEED_KINDS = ['client', 'domain', 'entitlements', 'membership', 'organization', 'user'] as const
export const feedKindSchema = z.enum(FEED_KINDS)
export type FeedKind = z.infer<typeof feedKindSchema>

/** Decimal digits: rises with each restore of the centre. */
export const epochSchema = z.string().regex(/^[0-9]{1,19}$/)
/** An entity's, in this region. */
export const revisionSchema = z.int().positive()

/** People with a membership in this region. */
export const userStateSchema = z.strictObject({
  name: z.string(),
  email: z.string().nullable(),
  status: z.enum(['active', 'disabled']),
})

/** As it is in this region: `deleted` also where it was withdrawn from there. */
export const organizationStateSchema = z.strictObject({
  slug: orgSlugSchema,
  name: z.string(),
  status: orgStatusSchema,
  subscription_tier: subscriptionTierSchema,
  settings: z.record(z.string(), z.unknown()),
})

export const membershipStateSchema = z.strictObject({
  user_id: userIdSchema,
  org_id: orgIdSchema,
  role: roleSchema,
  status: z.enum(['active', 'suspended']),
  display_name: z.string().nullable(),
  /** The `mv` of tokens: rises with role and status alone. */
  version: z.int().positive(),
})

/** Of the organization whose id the entry has: what is licensed and switched on, by key. */
export const entitlementsStateSchema = z.strictObject({ modules: z.array(moduleKeySchema) })

export const domainStateSchema = z.strictObject({
  org_id: orgIdSchema,
  domain: z.string(),
  status: domainStatusSchema.exclude(['pending']),
  is_primary: z.boolean(),
})

/** Origins of browsers from which this client calls the region's API. */
export const clientStateSchema = z.strictObject({ allowed_origins: z.array(z.string()) })

const entrySchema = <Kind extends FeedKind, Id extends z.ZodType, State extends z.ZodType>(
  kind: Kind,
  id: Id,
  state: State,
) => z.strictObject({ kind: z.literal(kind), id, revision: revisionSchema, state: state.nullable() })

export const feedEntrySchema = z.discriminatedUnion('kind', [
  entrySchema('client', z.string().min(1).max(100), clientStateSchema),
  entrySchema('domain', domainIdSchema, domainStateSchema),
  entrySchema('entitlements', orgIdSchema, entitlementsStateSchema),
  entrySchema('membership', membershipIdSchema, membershipStateSchema),
  entrySchema('organization', orgIdSchema, organizationStateSchema),
  entrySchema('user', userIdSchema, userStateSchema),
])
export type FeedEntry = z.infer<typeof feedEntrySchema>

/** Where a follower stands; the centre's own business. */
export const feedCursorSchema = z.string().min(1).max(300)

/** `kind/id`. Keys rise as bytes do, by kind and then by id. */
export const feedKeySchema = z.string().regex(/^[a-z_]{1,40}\/[\x21-\x7e]{1,100}$/)

export const changesQuerySchema = z.strictObject({
  after: feedCursorSchema.optional(),
  wait: z.coerce.number().int().min(0).max(FEED_WAIT_MAX_SECONDS).default(0),
  limit: z.coerce.number().int().min(1).max(FEED_PAGE_MAX).default(500),
})

/** What the centre would like the region to do; how it goes is told with `PUT …/orders/{id}`. */
export const openOrderSchema = z.strictObject({
  id: z.uuidv7(),
  kind: syncOrderKindSchema,
  /** Carried out however much it takes away of what is held. Absent: not so. */
  force: z.boolean().optional(),
})

/** Without `after`: from the beginning, which suits whoever holds nothing. 410 `cursor_gone`: see `digests`. */
export const changesPageSchema = z.strictObject({
  epoch: epochSchema,
  entries: z.array(feedEntrySchema),
  /** To be kept in the transaction that keeps the entries. */
  cursor: feedCursorSchema,
  /** Asked again with it at once. */
  more: z.boolean(),
  /** How long ago the oldest change was made that comes after this page; 0 where none does. By the centre's clock. */
  behind_seconds: z.number().nonnegative(),
  orders: z.array(openOrderSchema),
})
export type ChangesPage = z.infer<typeof changesPageSchema>

/** Both exclusive of `after` and inclusive of `through`; without them from the first, to the last. */
export const snapshotQuerySchema = z.strictObject({
  after: feedKeySchema.optional(),
  through: feedKeySchema.optional(),
  limit: z.coerce.number().int().min(1).max(FEED_PAGE_MAX).default(FEED_PAGE_MAX),
})

/** What is to be seen now, by key; nothing that is gone. */
export const snapshotPageSchema = z.strictObject({
  epoch: epochSchema,
  entries: z.array(feedEntrySchema),
  /** Whoever begins here follows from this cursor, once they hold all pages: what changed meanwhile comes after it. */
  cursor: feedCursorSchema,
  /** `after` of the next page; null on the last one. */
  next: feedKeySchema.nullable(),
})
export type SnapshotPage = z.infer<typeof snapshotPageSchema>

export const digestsQuerySchema = z.strictObject({ after: feedKeySchema.optional() })

export const digestRangeSchema = z.strictObject({
  /** Exclusive; null: from the first. */
  after: feedKeySchema.nullable(),
  /** Inclusive; null: to the last. */
  through: feedKeySchema.nullable(),
  count: z.int().nonnegative(),
  /**
   * Sum, in decimal digits, of a number for each entry: the first 15 hexadecimal digits of the SHA-256 (in UTF-8) of
   * kind, id, revision and state, joined by line feeds; the state as PostgreSQL writes a jsonb.
   */
  digest: z.string().regex(/^[0-9]{1,40}$/),
})
export type DigestRange = z.infer<typeof digestRangeSchema>

export const digestsPageSchema = z.strictObject({
  epoch: epochSchema,
  /** As in a snapshot. */
  cursor: feedCursorSchema,
  ranges: z.array(digestRangeSchema),
  next: feedKeySchema.nullable(),
})
export type DigestsPage = z.infer<typeof digestsPageSchema>

/** As a region reads them, from a centre that may be newer: what is not known must not hide the rest, nor be dropped. */
export const receivedEntrySchema = z.object({
  kind: z.string().regex(/^[a-z_]{1,40}$/),
  id: z.string().regex(/^[\x21-\x7e]{1,100}$/),
  revision: revisionSchema,
  state: z.record(z.string(), z.unknown()).nullable(),
})
export type ReceivedEntry = z.infer<typeof receivedEntrySchema>

export const receivedChangesSchema = z.object({
  ...changesPageSchema.shape,
  entries: z.array(receivedEntrySchema),
  orders: z.array(z.object({ id: z.uuidv7(), kind: z.string(), force: z.boolean().optional() })),
})
export type ReceivedChanges = z.infer<typeof receivedChangesSchema>
export const receivedSnapshotSchema = z.object({ ...snapshotPageSchema.shape, entries: z.array(receivedEntrySchema) })
export type ReceivedSnapshot = z.infer<typeof receivedSnapshotSchema>
export const receivedDigestsSchema = z.object({ ...digestsPageSchema.shape, ranges: z.array(digestRangeSchema) })
