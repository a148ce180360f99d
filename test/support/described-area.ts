// An area of the API held to its description: a journey through it must have every success and every error code that
// its operations describe, and every answer as it is described.
import type { OpenApiDocument } from '@meridian/protocol/openapi'
import type { Test } from 'tap'
import { embeddedPlace } from './databases.ts'
import { codesIn, operationsOf, watch } from './described.ts'
import { type IdentityOptions, type IdentityUnderTest, startIdentity } from './identity.ts'
import { UNHURRIED } from './races.ts'

/** What no black box can bring about at will; test/service-kit and test/faults do. */
const NOT_TRIED = ['internal', 'server_error', 'temporarily_unavailable']

export async function walkArea(
  t: Test,
  area: string,
  walk: (identity: IdentityUnderTest) => Promise<void>,
  options: IdentityOptions = {},
): Promise<void> {
  const settings = { ...UNHURRIED, ...options.settings }
  const identity = await startIdentity(t, await embeddedPlace('identity'), { ...options, settings })
  const document = (await identity.get('/openapi.json')).body as unknown as OpenApiDocument
  const { seen, codes, faults } = watch(identity.app, document)
  await walk(identity)
  t.strictSame(faults, [], 'everything is answered as it is described')
  const operations = operationsOf(document).filter(([, { tags }]) => tags.includes(area))
  t.not(operations.length, 0, 'the area has operations')
  const successes = operations.flatMap(([, { operationId, responses }]) =>
    Object.keys(responses)
      .filter((status) => Number(status) < 400)
      .map((status) => `${operationId} ${status}`),
  )
  t.strictSame(
    successes.filter((title) => !seen.has(title)),
    [],
    'each success that is described was had',
  )
  const described = operations.flatMap(([, { responses }]) =>
    Object.values(responses).flatMap(({ content = {} }) =>
      Object.values(content).flatMap(({ schema }) => codesIn(schema)),
    ),
  )
  const had = new Set([...codes, ...NOT_TRIED])
  t.strictSame(
    [...new Set(described)].filter((code) => !had.has(code)),
    [],
    'each error code that is described was had',
  )
}
