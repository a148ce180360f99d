// The texts of our mails. No mail carries a link with a credential, and nothing here comes from a request's host.
import { renderEmailChangeMail } from './email-change-templates.ts'
import { layOut } from './layout.ts'
import type { OutboxMail, RenderedMail } from './message.ts'

export function renderMail(mail: OutboxMail, productName: string): RenderedMail {
  switch (mail.kind) {
    case 'sign_in_code':
      return renderSignInCode(mail, productName)
    case 'token_reuse':
      return renderTokenReuse(mail, productName)
    case 'email_change_code':
    case 'email_change_requested':
    case 'email_changed':
    case 'email_changed_confirmation':
    case 'email_change_stop_code':
    case 'email_change_undone':
      return renderEmailChangeMail(mail, productName)
  }
}

function renderSignInCode(mail: Extract<OutboxMail, { kind: 'sign_in_code' }>, productName: string): RenderedMail {
  return layOut({
    to: mail.to,
    subject: `${mail.code} is your sign-in code`,
    heading: 'Your sign-in code',
    paragraphs: [
      `Your sign-in code for ${productName} is:`,
      { code: mail.code },
      `It is valid for ${mail.ttlMinutes} minutes and works once, where you asked for it.`,
      'We never ask for this code by phone or in a chat. If you did not ask for it, ignore this mail: nobody can sign in without the code.',
    ],
  })
}

function renderTokenReuse(mail: Extract<OutboxMail, { kind: 'token_reuse' }>, productName: string): RenderedMail {
  return layOut({
    to: mail.to,
    subject: `We ended one of your ${productName} sign-ins`,
    heading: 'One of your sign-ins was ended',
    paragraphs: [
      `An old sign-in of yours at ${productName} was used a second time. That can mean that somebody copied it from a device, so we ended it everywhere.`,
      'You need to sign in again on that device. If you do not recognize what happened, check your devices and tell your administrator.',
    ],
  })
}
