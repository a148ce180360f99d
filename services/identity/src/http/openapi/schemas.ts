// The names of the wire schemas in `components.schemas`, and their JSON Schema, made by zod. A request is described as it
// is sent (before defaults and normalizing), an answer as it arrives; what is in both must look the same in both.
import { auditActorSchema, auditEventSchema, auditPageSchema } from '@meridian/protocol/audit'
import {
  authorizationRequestSchema,
  authorizationResponseSchema,
  logoutRequestSchema,
} from '@meridian/protocol/authorization-request'
import {
  clientPageSchema,
  clientRegistrationSchema,
  clientSecretSchema,
  createdClientSchema,
  originSchema,
  registeredClientSchema,
} from '@meridian/protocol/clients'
import { domainChangeSchema, domainCreateSchema, domainPageSchema, domainSchema } from '@meridian/protocol/domains'
import { emailAddressSchema } from '@meridian/protocol/email-address'
import {
  emailChangeConfirmationSchema,
  emailChangedSchema,
  emailChangeRequestSchema,
  emailChangeStartedSchema,
} from '@meridian/protocol/email-change'
import { entitlementsSchema, licenceSchema, moduleSwitchSchema } from '@meridian/protocol/entitlements'
import { erasureOrderPageSchema } from '@meridian/protocol/erasures'
import { personExportSchema } from '@meridian/protocol/export'
import { changesPageSchema, digestsPageSchema, feedEntrySchema, snapshotPageSchema } from '@meridian/protocol/feed'
import { hostMapSchema, hostResolutionSchema } from '@meridian/protocol/hosts'
import { orgIdSchema, orgSlugSchema, regionCodeSchema } from '@meridian/protocol/ids'
import { introspectionSchema } from '@meridian/protocol/introspection'
import {
  invitationAcceptedSchema,
  invitationCreateSchema,
  invitationPageSchema,
  invitationSchema,
  ownInvitationListSchema,
  ownInvitationSchema,
} from '@meridian/protocol/invitations'
import { jobSchema } from '@meridian/protocol/jobs'
import {
  ecPublicJwkSchema,
  heldKeysSchema,
  issuerJwksSchema,
  jwksSchema,
  rsaPublicJwkSchema,
} from '@meridian/protocol/jwks'
import { contextChoiceSchema, contextListSchema, contextSchema, meSchema } from '@meridian/protocol/me'
import {
  memberChangeSchema,
  memberPageSchema,
  memberSchema,
  ownMembershipChangeSchema,
  ownMembershipListSchema,
  ownMembershipSchema,
  roleCatalogueSchema,
} from '@meridian/protocol/members'
import { serverMetadataSchema } from '@meridian/protocol/metadata'
import { moduleListSchema, moduleSchema } from '@meridian/protocol/modules'
import {
  challengeAnsweredSchema,
  challengeStartedSchema,
  contextRefSchema,
  grantTypeSchema,
  oauthErrorSchema,
  tokenResponseSchema,
} from '@meridian/protocol/oauth'
import {
  challengeAnswerSchema,
  challengeStartSchema,
  introspectionRequestSchema,
  revocationRequestSchema,
  tokenRequestSchema,
  userInfoRequestSchema,
} from '@meridian/protocol/oauth-requests'
import type { JsonSchema } from '@meridian/protocol/openapi'
import { orgCreateSchema, orgSchema } from '@meridian/protocol/org-create'
import {
  firstManagerAddedSchema,
  firstManagerSchema,
  orgDetailsSchema,
  orgPageSchema,
  orgPatchSchema,
  orgStatusChangeSchema,
  slugChangeSchema,
} from '@meridian/protocol/org-details'
import { orgAssetListSchema, orgAssetSchema, publicBrandingSchema } from '@meridian/protocol/org-settings'
import { meChangeSchema } from '@meridian/protocol/own-account'
import { problemSchema } from '@meridian/protocol/problem'
import { redirectUriSchema } from '@meridian/protocol/redirect-uri'
import { registeredRegionListSchema, registeredRegionSchema } from '@meridian/protocol/region-registry'
import {
  regionReportSchema,
  regionSyncListSchema,
  regionSyncSchema,
  reportAnswerSchema,
} from '@meridian/protocol/region-report'
import { revocationPageSchema } from '@meridian/protocol/revocations'
import { permissionSchema, roleSchema } from '@meridian/protocol/roles'
import {
  sessionListSchema,
  sessionRevocationSchema,
  sessionSchema,
  sessionsRevokedSchema,
} from '@meridian/protocol/sessions'
import {
  supportApprovalSchema,
  supportGrantPageSchema,
  supportGrantSchema,
  supportRequestSchema,
} from '@meridian/protocol/support'
import {
  syncOrderCreateSchema,
  syncOrderedSchema,
  syncOrderListSchema,
  syncOrderSchema,
  syncProgressSchema,
} from '@meridian/protocol/sync-orders'
import { sysAdminAppointmentSchema, sysAdminPageSchema, sysAdminSchema } from '@meridian/protocol/sys-admins'
import { regionSummarySchema, summaryPageSchema, tenantSummarySchema } from '@meridian/protocol/tenant-summaries'
import { usageSchema } from '@meridian/protocol/usage'
import { userInfoSchema } from '@meridian/protocol/user-info'
import { userListSchema, userSchema, userStatusChangeSchema } from '@meridian/protocol/users'
import { z } from 'zod'
import { annotate } from './annotate.ts'

/** All ids are one schema: zod's brands exist for the compiler alone. */
const BOTH = {
  Id: orgIdSchema,
  RegionCode: regionCodeSchema,
  Slug: orgSlugSchema,
  Role: roleSchema,
  Permission: permissionSchema,
  GrantType: grantTypeSchema,
  Jwks: jwksSchema,
  EcPublicJwk: ecPublicJwkSchema,
  RsaPublicJwk: rsaPublicJwkSchema,
}

const [authorizationCodeGrant, refreshTokenGrant, tokenExchangeGrant, clientCredentialsGrant] =
  tokenRequestSchema.options

/** By grant type, for the examples. */
export const GRANTS = { authorizationCodeGrant, refreshTokenGrant, tokenExchangeGrant, clientCredentialsGrant } as const

/** Either call of the challenge endpoint; `otp` tells them apart. */
export const challengeRequestSchema = z.union([challengeStartSchema, challengeAnswerSchema])

const REQUESTS = {
  AuthorizationRequest: authorizationRequestSchema,
  LogoutRequest: logoutRequestSchema,
  ChallengeStart: challengeStartSchema,
  ChallengeAnswer: challengeAnswerSchema,
  ChallengeRequest: challengeRequestSchema,
  AuthorizationCodeGrant: authorizationCodeGrant,
  RefreshTokenGrant: refreshTokenGrant,
  TokenExchangeGrant: tokenExchangeGrant,
  ClientCredentialsGrant: clientCredentialsGrant,
  TokenRequest: tokenRequestSchema,
  RevocationRequest: revocationRequestSchema,
  IntrospectionRequest: introspectionRequestSchema,
  UserInfoRequest: userInfoRequestSchema,
  ContextChoice: contextChoiceSchema,
  SessionRevocation: sessionRevocationSchema,
  EmailChangeRequest: emailChangeRequestSchema,
  EmailChangeConfirmation: emailChangeConfirmationSchema,
  OrgCreate: orgCreateSchema,
  OrgPatch: orgPatchSchema,
  SlugChange: slugChangeSchema,
  OrgStatusChange: orgStatusChangeSchema,
  FirstManager: firstManagerSchema,
  MeChange: meChangeSchema,
  UserStatusChange: userStatusChangeSchema,
  SysAdminAppointment: sysAdminAppointmentSchema,
  ClientRegistration: clientRegistrationSchema,
  SupportRequest: supportRequestSchema,
  SupportApproval: supportApprovalSchema,
  HeldKeys: heldKeysSchema,
  MemberChange: memberChangeSchema,
  InvitationCreate: invitationCreateSchema,
  OwnMembershipChange: ownMembershipChangeSchema,
  RegionReport: regionReportSchema,
  SyncProgress: syncProgressSchema,
  SyncOrderCreate: syncOrderCreateSchema,
  Licence: licenceSchema,
  ModuleSwitch: moduleSwitchSchema,
  DomainCreate: domainCreateSchema,
  DomainChange: domainChangeSchema,
}

const ANSWERS = {
  AuthorizationResponse: authorizationResponseSchema,
  ChallengeStarted: challengeStartedSchema,
  ChallengeAnswered: challengeAnsweredSchema,
  TokenResponse: tokenResponseSchema,
  ContextRef: contextRefSchema,
  Introspection: introspectionSchema,
  UserInfo: userInfoSchema,
  ServerMetadata: serverMetadataSchema,
  IssuerJwks: issuerJwksSchema,
  OAuthError: oauthErrorSchema,
  Me: meSchema,
  Context: contextSchema,
  ContextList: contextListSchema,
  Session: sessionSchema,
  SessionList: sessionListSchema,
  SessionsRevoked: sessionsRevokedSchema,
  EmailChangeStarted: emailChangeStartedSchema,
  EmailChanged: emailChangedSchema,
  Org: orgSchema,
  OrgDetails: orgDetailsSchema,
  OrgPage: orgPageSchema,
  FirstManagerAdded: firstManagerAddedSchema,
  PublicBranding: publicBrandingSchema,
  OrgAsset: orgAssetSchema,
  OrgAssetList: orgAssetListSchema,
  RegionSummary: regionSummarySchema,
  TenantSummary: tenantSummarySchema,
  SummaryPage: summaryPageSchema,
  PersonExport: personExportSchema,
  User: userSchema,
  UserList: userListSchema,
  SysAdmin: sysAdminSchema,
  SysAdminPage: sysAdminPageSchema,
  RegisteredClient: registeredClientSchema,
  CreatedClient: createdClientSchema,
  ClientSecret: clientSecretSchema,
  ClientPage: clientPageSchema,
  SupportGrant: supportGrantSchema,
  SupportGrantPage: supportGrantPageSchema,
  HostMap: hostMapSchema,
  AuditEvent: auditEventSchema,
  AuditActor: auditActorSchema,
  AuditPage: auditPageSchema,
  RevocationPage: revocationPageSchema,
  FeedEntry: feedEntrySchema,
  ChangesPage: changesPageSchema,
  SnapshotPage: snapshotPageSchema,
  DigestsPage: digestsPageSchema,
  ErasureOrderPage: erasureOrderPageSchema,
  Member: memberSchema,
  MemberPage: memberPageSchema,
  OwnMembership: ownMembershipSchema,
  OwnMembershipList: ownMembershipListSchema,
  RoleCatalogue: roleCatalogueSchema,
  Invitation: invitationSchema,
  InvitationPage: invitationPageSchema,
  InvitationAccepted: invitationAcceptedSchema,
  OwnInvitation: ownInvitationSchema,
  OwnInvitationList: ownInvitationListSchema,
  Job: jobSchema,
  ReportAnswer: reportAnswerSchema,
  RegionSync: regionSyncSchema,
  RegionSyncList: regionSyncListSchema,
  RegisteredRegion: registeredRegionSchema,
  RegisteredRegionList: registeredRegionListSchema,
  SyncOrder: syncOrderSchema,
  SyncOrdered: syncOrderedSchema,
  SyncOrderList: syncOrderListSchema,
  Usage: usageSchema,
  Module: moduleSchema,
  ModuleList: moduleListSchema,
  Entitlements: entitlementsSchema,
  Domain: domainSchema,
  DomainPage: domainPageSchema,
  HostResolution: hostResolutionSchema,
  Problem: problemSchema,
}

const NAMES = new Map<z.ZodType, string>(
  Object.entries({ ...BOTH, ...REQUESTS, ...ANSWERS }).map(([name, schema]) => [schema, name]),
)

export function componentRef(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${name}` }
}

/** A schema that crosses the wire has a name; throws where it has none yet. */
export function refTo(schema: z.ZodType): JsonSchema {
  const name = findName(schema)
  if (name === undefined) throw new Error('a schema of an operation has no name in http/openapi/schemas.ts')
  return componentRef(name)
}

export function findName(schema: z.ZodType): string | undefined {
  return NAMES.get(schema)
}

/** For generators of clients, by the value of `grant_type`. */
const GRANT_REFS = Object.fromEntries(
  tokenRequestSchema.options.map((grant) => [grant.shape.grant_type.value, refTo(grant).$ref]),
)

export type Components = Readonly<Record<string, JsonSchema>>

export function buildComponents(): Components {
  const requests = toJsonSchemas({ ...BOTH, ...REQUESTS }, 'input')
  const answers = toJsonSchemas({ ...BOTH, ...ANSWERS }, 'output')
  for (const name of Object.keys(BOTH)) {
    if (JSON.stringify(requests[name]) !== JSON.stringify(answers[name]))
      throw new Error(`${name} is not the same in requests and in answers`)
  }
  const components: Record<string, JsonSchema> = { ...requests, ...answers }
  components['TokenRequest'] = {
    ...components['TokenRequest'],
    discriminator: { propertyName: 'grant_type', mapping: GRANT_REFS },
  }
  return Object.fromEntries(
    Object.keys(components)
      .sort()
      .map((name) => [name, annotate(components[name] ?? {}, [name])]),
  )
}

function toJsonSchemas(
  schemas: Readonly<Record<string, z.ZodType>>,
  io: 'input' | 'output',
): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(schemas)) registry.add(schema, { id })
  const made = z.toJSONSchema(registry, { io, uri: (id) => `#/components/schemas/${id}`, override: mend })
  return Object.fromEntries(
    Object.entries(made.schemas).map(([id, { $schema: _schema, $id: _id, ...schema }]) => [id, schema as JsonSchema]),
  )
}

/** What zod cannot know of a check that is a function, and what says less than it is long. */
function mend({
  zodSchema,
  jsonSchema,
}: {
  zodSchema: z.core.$ZodType
  jsonSchema: z.core.JSONSchema.BaseSchema
}): void {
  if (zodSchema === emailAddressSchema || jsonSchema.format === 'email') jsonSchema.format = 'idn-email'
  if (zodSchema === redirectUriSchema || zodSchema === originSchema) jsonSchema.format = 'uri'
  if (jsonSchema.format === 'date-time' || jsonSchema.format === 'idn-email') delete jsonSchema.pattern
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
}
