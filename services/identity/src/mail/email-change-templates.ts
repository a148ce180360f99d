// The mails about a change of address. Those to the old address name no other one: it may be a stranger's by now.
import { layOut } from './layout.ts'
import type { OutboxMail, RenderedMail } from './message.ts'

type EmailChangeMail = Extract<OutboxMail, { kind: `email_change${string}` }>

export function renderEmailChangeMail(mail: EmailChangeMail, productName: string): RenderedMail {
  switch (mail.kind) {
    case 'email_change_code':
      return renderCode(mail, productName)
    case 'email_change_requested':
      return renderRequested(mail, productName)
    case 'email_changed':
      return renderChanged(mail, productName)
    case 'email_changed_confirmation':
      return renderConfirmation(mail, productName)
    case 'email_change_stop_code':
      return renderStopCode(mail, productName)
    case 'email_change_undone':
      return renderUndone(mail, productName)
  }
}

type Mail<Kind extends EmailChangeMail['kind']> = Extract<EmailChangeMail, { kind: Kind }>

function renderCode(mail: Mail<'email_change_code'>, productName: string): RenderedMail {
  return layOut({
    to: mail.to,
    subject: `${mail.code} confirms your new address`,
    heading: 'Confirm your new address',
    paragraphs: [
      `Somebody who is signed in at ${productName} wants to use this address for their account. If that is you, this code confirms it:`,
      { code: mail.code },
      `It is valid for ${mail.ttlMinutes} minutes and works once, where you asked for it.`,
      'We never ask for this code by phone or in a chat. If you did not ask for it, ignore this mail: nothing changes without the code.',
    ],
  })
}

function renderRequested(mail: Mail<'email_change_requested'>, productName: string): RenderedMail {
  return layOut({
    to: mail.to,
    subject: `Somebody asked to change the address of your ${productName} account`,
    heading: 'A change of address was asked for',
    paragraphs: [
      `Somebody who is signed in to your ${productName} account asked to give it another email address than this one.`,
      'If that was you, there is nothing to do here. If it was not, stop it on this page:',
      { link: mail.stopUrl },
      'The page asks for this address and mails a code to it. We never ask for that code by phone or in a chat.',
    ],
  })
}

function renderChanged(mail: Mail<'email_changed'>, productName: string): RenderedMail {
  return layOut({
    to: mail.to,
    subject: `The address of your ${productName} account was changed`,
    heading: 'Your address was changed',
    paragraphs: [
      `Your ${productName} account has another email address now, and this one no longer signs in to it. It was signed out everywhere else.`,
      `If that was not you, undo it within ${days(mail.undoDays)} on this page:`,
      { link: mail.stopUrl },
      'The page asks for this address and mails a code to it. We never ask for that code by phone or in a chat.',
    ],
  })
}

function renderConfirmation(mail: Mail<'email_changed_confirmation'>, productName: string): RenderedMail {
  return layOut({
    to: mail.to,
    subject: `You sign in to ${productName} with this address now`,
    heading: 'This is your address now',
    paragraphs: [
      `Your ${productName} account has this email address now, and you sign in with it. All your other sign-ins were ended.`,
      'If you did not ask for this, tell your administrator.',
    ],
  })
}

function renderStopCode(mail: Mail<'email_change_stop_code'>, productName: string): RenderedMail {
  return layOut({
    to: mail.to,
    subject: `${mail.code} stops the change of your address`,
    heading: 'Stop the change of your address',
    paragraphs: [
      `This code stops the change of the address of your ${productName} account, or undoes it:`,
      { code: mail.code },
      `It is valid for ${mail.ttlMinutes} minutes and works once, on the page where you asked for it.`,
      'We never ask for this code by phone or in a chat. If you did not ask for it, ignore this mail: nothing happens without the code.',
    ],
  })
}

function renderUndone(mail: Mail<'email_change_undone'>, productName: string): RenderedMail {
  return layOut({
    to: mail.to,
    subject: `A change of the address of a ${productName} account was undone`,
    heading: 'The change was undone',
    paragraphs: [
      `The owner of the address that a ${productName} account had before has undone its change. The account has that address again and was signed out everywhere.`,
      'If you did not expect this, tell your administrator.',
    ],
  })
}

function days(count: number): string {
  return count === 1 ? 'one day' : `${count} days`
}
