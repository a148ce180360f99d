// The mails to an organization's managers about support access. They name no link: what is to be decided is decided
// where a manager is signed in.
import { layOut } from './layout.ts'
import type { OutboxMail, RenderedMail } from './message.ts'
import { textOfOthers } from './text-of-others.ts'

type SupportMail = Extract<OutboxMail, { kind: `support_${string}` }>

export function renderSupportMail(mail: SupportMail, productName: string): RenderedMail {
  switch (mail.kind) {
    case 'support_requested':
      return renderRequested(mail, productName)
    case 'support_approved':
      return renderApproved(mail, productName)
    case 'support_ended':
      return renderEnded(mail, productName)
  }
}

function renderRequested(mail: SupportMail, productName: string): RenderedMail {
  return layOut({
    to: mail.to,
    subject: `${productName} support asks for access to ${textOfOthers(mail.org)}`,
    heading: 'Support asks for access',
    paragraphs: [
      `${productName} support asks for access to ${textOfOthers(mail.org)} in the region “${mail.region}”, ${extentOf(mail)}.`,
      `The reason that was given: ${mail.reason}`,
      'Nothing can be seen before a manager of that region approves it. It can be given for a shorter time, and for reading alone.',
      'If nobody decides within seven days, the request lapses.',
    ],
  })
}

function renderApproved(mail: SupportMail, productName: string): RenderedMail {
  return layOut({
    to: mail.to,
    subject: `${productName} support has access to ${textOfOthers(mail.org)}`,
    heading: 'Support access was approved',
    paragraphs: [
      `A manager has given ${productName} support access to ${textOfOthers(mail.org)} in the region “${mail.region}”, ${extentOf(mail)}.`,
      `The reason that was given: ${mail.reason}`,
      'It ends by itself. Everybody who is in that region of your organization can end it earlier.',
    ],
  })
}

function renderEnded(mail: SupportMail, productName: string): RenderedMail {
  return layOut({
    to: mail.to,
    subject: `Support access to ${textOfOthers(mail.org)} has ended`,
    heading: 'Support access has ended',
    paragraphs: [
      `The access of ${productName} support to ${textOfOthers(mail.org)} in the region “${mail.region}”, or its request for it, has ended.`,
      'Who used it, and when, stands in your audit log.',
    ],
  })
}

function extentOf({ mayWrite, minutes }: SupportMail): string {
  const time = minutes < 120 ? `${minutes} minutes` : `${Math.floor(minutes / 60)} hours${restOf(minutes % 60)}`
  return `${mayWrite ? 'to read and to change records' : 'for reading alone'}, for ${time}`
}

function restOf(minutes: number): string {
  return minutes === 0 ? '' : ` and ${minutes} minutes`
}
