// Fields of the change feed. How they are found is fields.ts.
import type { Field } from './field.ts'

const ID = '0198c5f2-7a3b-7c4d-8e5f-6a7b8c9d0e1f'
const EPOCH = { text: 'Rises with each restore of the centre; revisions are compared under one epoch.', example: '1' }
const ENTRIES = { text: 'What the region is to see.' }
const CURSOR = {
  text: 'Where the changes after it begin; the centre’s own business.',
  example: '1.774.18.4059.1767225600',
}

export const FEED_FIELDS: Readonly<Record<string, Field>> = {
  'FeedEntry.kind': { text: 'What it is.' },
  'FeedEntry.id': { text: 'Its id; entitlements have their organization’s.', example: ID },
  'FeedEntry.revision': { text: 'Rises with each change of it in this region.', example: 18 },
  'FeedEntry.state': { text: 'As it is now; null for what is to be seen there no more.' },
  'FeedEntry.state.name': { text: 'Its name for people.', example: 'Ada' },
  'FeedEntry.state.email': { text: 'Their address; null where they have none.', example: 'ada@acme.example' },
  'FeedEntry.state.status': { text: 'An organization is `deleted` also where it was withdrawn from the region.' },
  'FeedEntry.state.user_id': { text: 'Whose membership it is.', example: ID },
  'FeedEntry.state.org_id': { text: 'The organization that it belongs to.', example: ID },
  'FeedEntry.state.role': { text: 'Held in this organization and this region alone.' },
  'FeedEntry.state.display_name': { text: 'Their name there; null where it is their own.', example: null },
  'FeedEntry.state.version': { text: 'The `mv` of tokens: rises with role and status alone.', example: 1 },
  'FeedEntry.state.slug': { text: 'Its name in hosts.', example: 'acme' },
  'FeedEntry.state.subscription_tier': { text: 'What the organization pays for.' },
  'FeedEntry.state.settings': { text: 'What its managers have set.', example: {} },
  'FeedEntry.state.modules': { text: 'Those that are licensed and switched on.', example: ['crm'] },
  'FeedEntry.state.domain': { text: 'The domain, in lower case.', example: 'app.acme.example' },
  'FeedEntry.state.is_primary': { text: 'Whether it is the one that links lead to.', example: true },
  'FeedEntry.state.allowed_origins': {
    text: 'From which browsers call the region’s API for this client.',
    example: ['https://app.example.com'],
  },
  'readChanges.after': { text: 'The `cursor` of the page before; absent: from the beginning.' },
  'readSnapshot.after': { text: 'The key that it begins after; absent: with the first.', example: `user/${ID}` },
  'readSnapshot.through': { text: 'The key that it ends with; absent: with the last.', example: `user/${ID}` },
  'readDigests.after': { text: 'The key that it begins after; absent: with the first.', example: `user/${ID}` },
  'ChangesPage.epoch': EPOCH,
  'ChangesPage.entries': { text: 'What has changed: each entity once, at the place of its last change here.' },
  'ChangesPage.cursor': { ...CURSOR, text: 'The next `after`; kept in the transaction that keeps the entries.' },
  'ChangesPage.more': { text: 'Whether there are more already.', example: false },
  'ChangesPage.behind_seconds': {
    text: 'How long ago the next change after this page was made; 0 where there is none.',
    example: 0,
  },
  'ChangesPage.orders': { text: 'What the region is asked to do with its copy.' },
  'SnapshotPage.epoch': EPOCH,
  'SnapshotPage.entries': ENTRIES,
  'SnapshotPage.cursor': CURSOR,
  'SnapshotPage.next': { text: '`after` of the next page; null on the last one.', example: null },
  'DigestsPage.epoch': EPOCH,
  'DigestsPage.cursor': CURSOR,
  'DigestsPage.ranges': { text: 'One after the other, by key.' },
  'DigestsPage.ranges.after': { text: 'The key that it begins after; null: with the first.', example: null },
  'DigestsPage.ranges.through': { text: 'The key that it ends with; null: with the last.', example: `user/${ID}` },
  'DigestsPage.ranges.count': { text: 'How many entries it is of.', example: 1000 },
  'DigestsPage.ranges.digest': {
    text: 'Sum of a number for each entry: 60 bits of the SHA-256 of kind, id, revision and state (as PostgreSQL writes a jsonb), joined by line feeds.',
    example: '5236242943227746557',
  },
  'DigestsPage.next': { text: '`after` of the next page; null on the last one.', example: null },
}
