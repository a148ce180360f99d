// One send from a contact's budget, as part of the statement that it allows: whoever asks, and however many at once,
// the row's lock makes them take turns. A budget belongs to contact, purpose and device.

/** SQL of the caller's own text: parameters with their casts, and where they are read from. */
export type TakeSend = {
  readonly name: string
  readonly contact: string
  readonly purpose: 'sign_in' | 'email_change' | 'email_change_asker' | 'email_change_stop' | 'invitation'
  readonly device: string
  readonly challengeId: string
  /** Relations that the above are read from; `t.now` must be among them. */
  readonly from: string
  readonly resendSeconds: string
  readonly sendsPerHour: string
  readonly sendsPerDay: string
  readonly failuresBeforeSlow: string
}

/** A common table expression that has a row if the budget allowed the send, which is taken from it. */
export function takeSend(take: TakeSend): string {
  return `${take.name} AS (
      INSERT INTO contact_budget AS b (contact_mac, purpose, device_hash, sends, last_sent_at, live_challenge_id)
      SELECT ${take.contact}, '${take.purpose}', ${take.device}, ARRAY[t.now], t.now, ${take.challengeId}
      FROM ${take.from}
      ON CONFLICT (contact_mac, purpose, device_hash) DO UPDATE SET
        sends = (SELECT array_agg(at ORDER BY at) FROM unnest(b.sends) at
          WHERE at > excluded.last_sent_at - interval '1 day') || excluded.last_sent_at,
        last_sent_at = excluded.last_sent_at, live_challenge_id = excluded.live_challenge_id
      WHERE b.last_sent_at <= excluded.last_sent_at - make_interval(secs => ${take.resendSeconds})
        AND (SELECT count(*) FROM unnest(b.sends) at WHERE at > excluded.last_sent_at - interval '1 hour')
          < ${take.sendsPerHour}
        AND (SELECT count(*) FROM unnest(b.sends) at WHERE at > excluded.last_sent_at - interval '1 day')
          < CASE WHEN b.failures >= ${take.failuresBeforeSlow} THEN 1 ELSE ${take.sendsPerDay} END
      RETURNING contact_mac
    )`
}

export type ContactLimits = {
  readonly resendSeconds: number
  readonly sendsPerHour: number
  readonly sendsPerDay: number
  /** Wrong codes in a row after which an address gets one mail a day. NIST SP 800-63B §3.2.2. */
  readonly failuresBeforeSlow: number
  readonly ttlSeconds: number
}
