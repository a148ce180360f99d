// SECURITY section 3, "Concurrency battery", email change: on two instances at once an address has one owner, a change
// happens once, and a stop and a confirmation end in one outcome.
import t, { type Test } from 'tap'
import { onPostgresql } from '../support/databases.ts'
import {
  ADA,
  type Asked,
  askForChange,
  askToStop,
  changeAddress,
  confirmChange,
  importPerson,
  LIN,
  outcomeOf,
  requestChange,
  STOP_CODE,
  tokenOf,
} from '../support/email-change.ts'
import { openBrowser } from '../support/hosted-browser.ts'
import {
  claimsOf,
  codeMailedTo,
  type IdentityUnderTest,
  type Instance,
  idempotencyKey,
  type Reply,
  refresh,
  signIn,
  startChallenge,
  startIdentity,
} from '../support/identity.ts'
import { ask, type Call, dealt, fire, patiently, times, UNHURRIED } from '../support/races.ts'

t.setTimeout(240_000)

const SAM = 'sam@both.test'

const start = async (t: Test, place: Parameters<typeof startIdentity>[1]) =>
  startIdentity(t, place, { instances: 2, settings: UNHURRIED })
const subOf = (asked: Asked) => claimsOf(asked.token)['sub']
const codeOf = ({ status, body }: Reply) => (body['code'] === undefined ? String(status) : `${status} ${body['code']}`)
const ownersOf = async (identity: IdentityUnderTest, email: string) =>
  (await ask(identity, 'SELECT id::text FROM user_account WHERE email = $1', [email])).map(({ id }) => id)
const personOf = async (identity: IdentityUnderTest, id: unknown) =>
  (await ask(identity, 'SELECT email, version FROM user_account WHERE id = $1::uuid', [id]))[0]
const confirming =
  (asked: Asked, headers = {}): Call =>
  (instance) =>
    patiently(() => confirmChange(instance, asked.token, asked.body, headers))
const importing =
  (email: string): Call<string> =>
  async (instance) => {
    try {
      return String(await importPerson(instance, email))
    } catch (error) {
      return (error as { code?: string }).code ?? String(error)
    }
  }

await onPostgresql(t, 'two people who change to one address at once: one gets it', async (t, makePlace) => {
  const identity = await start(t, await makePlace('identity'))
  for (let round = 0; round < 6; round += 1) {
    const contested = `contested${round}@example.test`
    const [from, other] = [ADA, LIN].map((email) => (round === 0 ? email : `${round}.${email}`)) as [string, string]
    const [ada, lin] = [await askForChange(identity, from, contested), await askForChange(identity, other, contested)]
    const replies = await fire(identity, dealt([confirming(ada)], [confirming(lin)]))
    t.strictSame(replies.map(codeOf).sort(), ['200', '409 email_taken'], `round ${round}`)
    const winner = replies[0]?.status === 200 ? ada : lin
    t.strictSame(await ownersOf(identity, contested), [subOf(winner)])
    // Everybody goes on under an address of this round.
    for (const [asked, email] of [
      [ada, ADA],
      [lin, LIN],
    ] as const) {
      const now = String((await personOf(identity, subOf(asked)))?.['email'])
      await changeAddress(identity, now, `${round + 1}.${email}`, asked.signedIn)
    }
  }
})

await onPostgresql(t, 'one code, confirmed at once, is one change', async (t, makePlace) => {
  const identity = await start(t, await makePlace('identity'))
  let from = ADA
  for (let round = 0; round < 4; round += 1) {
    const to = `round${round}@example.test`
    const asked = await askForChange(identity, from, to)
    const before = await personOf(identity, subOf(asked))
    const hasKey = round % 2 === 1
    const headers = hasKey ? { 'idempotency-key': idempotencyKey() } : {}
    const replies = await fire(identity, times(20, confirming(asked, headers)))
    const answers = replies.map(codeOf)
    t.equal(answers.filter((answer) => answer === '200').length, hasKey ? 20 : 1, `round ${round}: ${answers}`)
    t.strictSame(
      [...new Set(answers)].filter((answer) => answer !== '200'),
      hasKey ? [] : ['400 invalid_code'],
    )
    t.strictSame(await personOf(identity, subOf(asked)), { email: to, version: Number(before?.['version']) + 1 })
    const [once] = await ask(
      identity,
      `SELECT (SELECT count(*)::int FROM email_change WHERE new_email = $1 AND committed_at IS NOT NULL) AS changes,
        (SELECT count(*)::int FROM audit_event WHERE kind = 'email.changed') AS events,
        (SELECT count(*)::int FROM mail_outbox WHERE kind = 'email_changed') AS notices`,
      [to],
    )
    t.strictSame(once, { changes: 1, events: round + 1, notices: round + 1 })
    from = to
  }
})

await onPostgresql(t, 'five attempts are five, however many come at once', async (t, makePlace) => {
  const identity = await start(t, await makePlace('identity'))
  const asked = await askForChange(identity, ADA, 'new@example.test')
  const wrong = Array.from({ length: 60 }, (_, n) =>
    String((Number(asked.body.otp) + 1 + n) % 1_000_000).padStart(6, '0'),
  )
  const guesses = wrong.map((otp) => confirming({ ...asked, body: { ...asked.body, otp } }))
  const replies = await fire(identity, guesses)
  t.strictSame([...new Set(replies.map(codeOf))], ['400 invalid_code'])
  const attempts = await ask(identity, `SELECT attempts FROM otp_challenge WHERE purpose = 'email_change'`)
  t.strictSame(attempts, [{ attempts: 5 }])
  t.equal(codeOf(await confirming(asked)(identity)), '400 invalid_code')
})

await onPostgresql(t, 'a confirmation and a stop at once end in one outcome', async (t, makePlace) => {
  const identity = await start(t, await makePlace('identity'))
  const outcomes = new Map<string, number>()
  for (let round = 0; round < 12; round += 1) {
    const to = `round${round}@example.test`
    const asked = await askForChange(identity, ADA, to)
    // Cookies are the browser's, whichever instance it comes to.
    const [one, two] = identity.instances as [Instance, Instance]
    const { browser, fields } = await askToStop(one, ADA)
    const elsewhere = openBrowser(two)
    for (const [name, value] of browser.cookies) elsewhere.cookies.set(name, value)
    const otp = await codeMailedTo(identity, ADA)
    const stop = () => patiently(() => elsewhere.post(STOP_CODE, { ...fields, otp }))
    const sent = round % 2 === 0 ? [stop(), confirming(asked)(one)] : [confirming(asked)(one), stop()]
    const replies = await Promise.all(sent)
    const [stopped, confirmed] = (round % 2 === 0 ? replies : replies.reverse()) as [Reply, Reply]
    const outcome = `${outcomeOf(stopped)}, ${codeOf(confirmed)}`
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    t.match(outcome, /^(stopped, 400 invalid_code|undone, 200|undone, 401 invalid_token)$/)
    t.equal((await personOf(identity, subOf(asked)))?.['email'], ADA, 'the old address in the end')
    const rows = await ask(
      identity,
      'SELECT committed_at IS NOT NULL AS committed, stopped_at IS NULL AS open FROM email_change WHERE new_email = $1',
      [to],
    )
    t.strictSame(rows, [{ committed: outcome.startsWith('undone'), open: false }])
    if (outcome.startsWith('undone')) t.equal((await identity.get('/v1/me', asked.token)).status, 401)
  }
  t.comment(JSON.stringify([...outcomes]))
})

await onPostgresql(t, 'a stop, sent many times at once, undoes once', async (t, makePlace) => {
  const identity = await start(t, await makePlace('identity'))
  const asked = await changeAddress(identity, ADA, 'new@example.test')
  const { browser, fields } = await askToStop(identity, ADA)
  const otp = await codeMailedTo(identity, ADA)
  const replies = await Promise.all(
    Array.from({ length: 20 }, () => patiently(() => browser.post(STOP_CODE, { ...fields, otp }))),
  )
  t.strictSame([...new Set(replies.map(outcomeOf))], ['undone'], 'each press tells the same')
  t.strictSame(await personOf(identity, subOf(asked)), { email: ADA, version: 3 })
  t.equal((await ask(identity, `SELECT 1 AS one FROM audit_event WHERE kind = 'email.change_undone'`)).length, 1)
})

await onPostgresql(
  t,
  'an import that takes the new address, or the old one, leaves each one owner',
  async (t, makePlace) => {
    const identity = await start(t, await makePlace('identity'))
    let from = SAM
    const seen = new Set<string>()
    for (let round = 0; round < 10; round += 1) {
      const to = `round${round}@example.test`
      const asked = await askForChange(identity, from, to)
      const takers = round % 2 === 0 ? [importing(to), importing(from)] : times(3, importing(from))
      const [confirmed] = await fire<unknown>(identity, [confirming(asked), ...takers])
      const answer = codeOf(confirmed as Reply)
      seen.add(answer)
      t.match(answer, round % 2 === 0 ? /^(200|409 email_taken)$/ : /^200$/)
      t.equal((await ownersOf(identity, to)).length, 1)
      if (answer === '200') {
        t.strictSame(await ownersOf(identity, to), [subOf(asked)])
        t.strictSame(await ownersOf(identity, from), [], 'the old address is held, and nobody has it')
        from = to
      } else {
        t.strictSame(await ownersOf(identity, from), [subOf(asked)])
        t.not((await ownersOf(identity, to))[0], subOf(asked))
      }
    }
    t.comment([...seen].join())
  },
)

await onPostgresql(
  t,
  'an insert that waits for the change to commit sees that the address is held',
  async (t, makePlace) => {
    const identity = await start(t, await makePlace('identity'))
    const asked = await askForChange(identity, ADA, 'new@example.test')
    let inserted: Promise<unknown> = Promise.resolve()
    await identity.db.begin(async (db) => {
      const run = (name: string, text: string, values: readonly unknown[]) => db.sql({ name, text }, values)
      await run(
        'held_commit',
        `UPDATE email_change SET committed_at = meridian_now(), undo_until = meridian_now() + interval '7 days'`,
        [],
      )
      await run('held_move', `UPDATE user_account SET email = 'new@example.test' WHERE email = $1::text`, [ADA])
      const insert = `INSERT INTO user_account (id, email, name) VALUES ('01890a5d-ac96-774b-bcce-b302099a8057', $1::text, 'x')`
      const [, two] = identity.instances as [Instance, Instance]
      // Outside this transaction: it waits at the unique index until the commit.
      inserted = two.deps.db.sql({ name: 'held_insert', text: insert }, [ADA]).then(
        () => 'inserted',
        (error: { constraint?: string }) => error.constraint,
      )
      const waits = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
      for (let n = 0; n === 0; ) n = Number((await run('held_waits', waits, []))[0]?.['n'])
    }, {})
    t.equal(await inserted, 'user_account_email_held')
    t.strictSame(await ownersOf(identity, 'new@example.test'), [subOf(asked)])
    t.strictSame(await ownersOf(identity, ADA), [])
  },
)

await onPostgresql(
  t,
  'a sign-in with the old address at the moment of the change does not outlive it',
  async (t, makePlace) => {
    const identity = await start(t, await makePlace('identity'))
    let from = LIN
    for (let round = 0; round < 8; round += 1) {
      const to = `round${round}@example.test`
      const asked = await askForChange(identity, from, to)
      const { authSession } = await startChallenge(identity, from)
      const body = { client_id: 'native', auth_session: authSession, otp: await codeMailedTo(identity, from) }
      const signingIn: Call = (instance) => patiently(() => instance.post('/oauth/challenge', body))
      const calls = [signingIn, confirming(asked)]
      await fire(identity, round % 2 === 0 ? calls : calls.reverse())
      const live = await ask(
        identity,
        'SELECT s.id::text FROM session s WHERE s.user_id = $1::uuid AND s.revoked_at IS NULL',
        [subOf(asked)],
      )
      t.strictSame(live, [{ id: claimsOf(asked.token)['sid'] }], `round ${round}: only the session that asked`)
      t.equal((await refresh(identity, asked.signedIn.body['refresh_token'])).status, 200)
      from = to
    }
  },
)

await onPostgresql(t, 'requests of one person at once leave one change open', async (t, makePlace) => {
  const identity = await start(t, await makePlace('identity'))
  const token = tokenOf(await signIn(identity, ADA))
  const calls = Array.from(
    { length: 20 },
    (_, n): Call =>
      (instance) =>
        patiently(() => requestChange(instance, token, { email: `n${n % 4}@example.test` })),
  )
  const replies = await fire(identity, calls)
  t.strictSame([...new Set(replies.map(codeOf))], ['202'])
  t.equal((await ask(identity, 'SELECT 1 AS one FROM email_change WHERE stopped_at IS NULL')).length, 1)
})
