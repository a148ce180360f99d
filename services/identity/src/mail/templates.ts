// The texts of our mails. No mail carries a link with a credential, and nothing here comes from a request's host.
import { renderAccountMail } from './account-templates.ts'
import { renderEmailChangeMail } from './email-change-templates.ts'
import { layOut } from './layout.ts'
import type { OutboxMail, RenderedMail } from './message.ts'
import { renderSupportMail } from './support-templates.ts'
import { textOfOthers } from './text-of-others.ts'

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
    case 'account_deleted':
    case 'account_exported':
    case 'account_locked':
    case 'account_unlocked':
    case 'sys_admin_appointed':
    case 'sys_admin_dismissed':
      return renderAccountMail(mail, productName)
    case 'manager_appointed':
      return renderManagerAppointed(mail, productName)
    case 'invitation':
      return renderInvitation(mail, productName)
    case 'support_requested':
    case 'support_approved':
    case 'support_ended':
      return renderSupportMail(mail, productName)
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

/** The subject is ours alone; the name of the organization, which somebody chose, stands in quotation marks. */
function renderInvitation(mail: Extract<OutboxMail, { kind: 'invitation' }>, productName: string): RenderedMail {
  return layOut({
    to: mail.to,
    subject: `You have an invitation at ${productName}`,
    heading: 'You have an invitation',
    paragraphs: [
      `An organization that calls itself “${textOfOthers(mail.orgName)}” invites you to join it at ${productName}.`,
      'To answer, sign in with this address in the application that you use with them. You are asked there whether you accept. How that works:',
      { link: mail.adviceUrl },
      'If you do not know them, ignore this mail: nothing happens without your yes. We send you no code unless you ask for one.',
    ],
  })
}

function renderManagerAppointed(
  mail: Extract<OutboxMail, { kind: 'manager_appointed' }>,
  productName: string,
): RenderedMail {
  return layOut({
    to: mail.to,
    subject: `You manage an organization at ${productName}`,
    heading: 'You manage an organization',
    paragraphs: [
      `An administrator of ${productName} made you a manager of an organization that is called “${textOfOthers(mail.orgName)}”.`,
      'Sign in with this address in the application that you use there: a code is mailed to you each time, and there is no password. As a manager you invite others and decide what they may do.',
      'If you do not know what this is about, ask whoever runs the application.',
    ],
  })
}
