// GET and POST /sign-in/invitations: what the person was invited to, with a yes and a no for each. After a yes they go on
// into the place that they have joined.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../../deps.ts'
import type { ActingPerson } from '../../directory/by-actor.ts'
import { chooseContext } from '../../directory/choose-context.ts'
import { acceptInvitation, declineInvitation, readOwnInvitations } from '../../directory/own-invitations.ts'
import { type InvitationsView, renderInvitations } from '../../pages/invitations-page.ts'
import { Refusal } from '../../refusal.ts'
import { findSignOn, type SignOn } from '../../sessions/sign-on.ts'
import { PAGE_PATHS, type RawParameters, resumeAfterInvitations } from '../authorization-query.ts'
import { originOf } from '../origin.ts'
import type { RateLimit } from '../rate-limits.ts'
import { PAGE, seeOther, sendPage } from '../send-page.ts'
import { readSignOnSecret } from '../sign-on-cookie.ts'
import { invitationFormSchema } from './schema.ts'
import { type Visit, visitByForm, visitWith } from './visit.ts'

export function invitationsPage(app: FastifyInstance, deps: Deps, rateLimit: RateLimit): void {
  const config = { rateLimit, ...PAGE }
  app.get<{ Querystring: RawParameters }>(PAGE_PATHS.invitations, { config }, async (request, reply) => {
    const visit = await visitWith(deps, request, reply, request.query)
    const signOn = await findSignOn(deps, readSignOnSecret(deps.settings.issuer, request))
    return signOn === undefined ? seeOther(reply, visit.otherAccountUrl) : show(deps, reply, visit, signOn, null)
  })

  app.post(PAGE_PATHS.invitations, { config }, (request, reply) => takeAnswer(deps, request, reply))
}

async function show(
  deps: Deps,
  reply: FastifyReply,
  { csrf, query, frame, otherAccountUrl }: Visit,
  signOn: SignOn,
  error: InvitationsView['error'],
): Promise<FastifyReply> {
  const laterUrl = resumeAfterInvitations(query)
  const { invitations } = await readOwnInvitations(deps, signOn.user_id)
  if (invitations.length === 0) return seeOther(reply, laterUrl)
  const page = renderInvitations(frame, {
    csrf,
    request: query,
    email: signOn.email,
    error,
    laterUrl,
    otherAccountUrl,
    invitations: invitations.map(({ id, org, roles }) => ({
      id,
      orgName: org.name,
      roles: roles.map(({ region, role }) => ({ regionName: region.name, role })),
    })),
  })
  return sendPage(reply, page, error === null ? 200 : 400)
}

async function takeAnswer(deps: Deps, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { visit, form } = await visitByForm(deps, request, reply, invitationFormSchema)
  const signOn = await findSignOn(deps, readSignOnSecret(deps.settings.issuer, request))
  if (signOn === undefined) return seeOther(reply, visit.otherAccountUrl)
  const person = { userId: signOn.user_id, clientId: visit.asked.client.id, sessionId: null }
  const [answer, id = ''] = form.answer.split(' ')
  try {
    if (answer === 'accept') await join(deps, person, id, request)
    else await declineInvitation(deps, person, id, originOf(request))
  } catch (error) {
    return show(deps, reply, visit, signOn, noticeOf(error))
  }
  return show(deps, reply, visit, signOn, null)
}

const NOT_BEGUN_THERE: ReadonlySet<string> = new Set(['access_denied', 'region_unavailable'])

async function join(deps: Deps, person: ActingPerson, id: string, request: FastifyRequest): Promise<void> {
  const { memberships } = await acceptInvitation(deps, person, id, undefined, originOf(request))
  const [first] = memberships
  if (first === undefined) return
  try {
    await chooseContext(deps, person, { orgId: first.org.id, region: first.region }, originOf(request))
  } catch (error) {
    // The client that they came from may not be for that region, or nobody can be reached there: the yes stands.
    if (!(error instanceof Refusal) || !NOT_BEGUN_THERE.has(error.code)) throw error
  }
}

/** Throws what is no answer to a person. */
function noticeOf(error: unknown): 'gone' | 'last_manager' {
  if (error instanceof Refusal && error.code === 'invitation_gone') return 'gone'
  if (error instanceof Refusal && error.code === 'last_manager') return 'last_manager'
  throw error
}
