// Access rows of invitations, which managers make and take back, and of the answers of the invited.
import { type AccessRow, everybody, everyPerson, managersOnly, type Target, type ThingMaker } from './shape.ts'

const invitationsOf = ({ org }: Target) => `/v1/orgs/${org.id}/invitations`
const invitationOf = (target: Target) => `${invitationsOf(target)}/${target.things['invitation']}`
/** To an address that is none of the actors'. */
const answerTo = ({ things }: Target, answer: 'accept' | 'decline') =>
  `/v1/me/invitations/${things['invitation']}/${answer}`
const wanted = ({ org, region }: Target, name: string) => ({
  email: `${name}@${org.slug}.invited.test`,
  roles: [{ region, role: 'member' }],
})
const fileOf = ({ org, region }: Target) => ({
  payload: Buffer.from(`email,region,role\nfiled@${org.slug}.invited.test,${region},member\n`),
  headers: { 'content-type': 'text/csv' },
})

export const INVITATIONS_THINGS: readonly ThingMaker[] = [
  {
    kind: 'invitation',
    make: async ({ identity, target, manager }) => {
      const reply = await identity.inject({
        method: 'POST',
        url: invitationsOf(target),
        headers: { authorization: `Bearer ${manager}` },
        payload: wanted(target, 'first'),
      })
      return String(reply.body['id'])
    },
  },
  {
    kind: 'job',
    make: async ({ identity, target, manager }) => {
      const { payload, headers } = fileOf(target)
      const url = `${invitationsOf(target)}/import`
      const authorization = `Bearer ${manager}`
      const reply = await identity.inject({ method: 'POST', url, headers: { authorization, ...headers }, payload })
      // Done, so that another one may be asked for.
      await identity.db.sql(
        { name: 'finish_job', text: `UPDATE job SET status = 'done', finished_at = meridian_now()` },
        [],
      )
      return String(reply.body['id'])
    },
  },
]

export const INVITATIONS_ROWS: readonly AccessRow[] = [
  {
    route: 'GET /v1/orgs/:org/invitations',
    request: (target) => ({ url: invitationsOf(target) }),
    ...managersOnly('200'),
  },
  {
    route: 'POST /v1/orgs/:org/invitations',
    request: (target) => ({ url: invitationsOf(target), payload: wanted(target, 'second') }),
    ...managersOnly('201'),
  },
  {
    route: 'POST /v1/orgs/:org/invitations/import',
    request: (target) => ({ url: `${invitationsOf(target)}/import`, ...fileOf(target) }),
    ...managersOnly('202'),
  },
  {
    route: 'GET /v1/orgs/:org/invitations/:id',
    request: (target) => ({ url: invitationOf(target) }),
    ...managersOnly('200'),
  },
  {
    route: 'DELETE /v1/orgs/:org/invitations/:id',
    request: (target) => ({ url: invitationOf(target) }),
    ...managersOnly('204'),
  },
  {
    route: 'POST /v1/orgs/:org/invitations/:id/resend',
    request: (target) => ({ url: `${invitationOf(target)}/resend` }),
    ...managersOnly('200'),
  },
  {
    route: 'GET /v1/orgs/:org/jobs/:id',
    request: ({ org, things }) => ({ url: `/v1/orgs/${org.id}/jobs/${things['job']}` }),
    ...managersOnly('200'),
  },
  { route: 'GET /v1/me/invitations', request: () => ({ url: '/v1/me/invitations' }), ...everyPerson('200') },
  {
    route: 'POST /v1/me/invitations/:id/accept',
    request: (target) => ({ url: answerTo(target, 'accept') }),
    ...everyPerson('410 invitation_gone'),
  },
  {
    route: 'POST /v1/me/invitations/:id/decline',
    request: (target) => ({ url: answerTo(target, 'decline') }),
    ...everyPerson('410 invitation_gone'),
  },
  { route: 'GET /invitations', request: () => ({ url: '/invitations' }), ...everybody('200') },
  { route: 'GET /sign-in/invitations', request: () => ({ url: '/sign-in/invitations' }), ...everybody('400') },
  { route: 'POST /sign-in/invitations', request: () => ({ url: '/sign-in/invitations' }), ...everybody('400') },
]
