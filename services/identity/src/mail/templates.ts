// The texts of our mails. No mail carries a link with a credential, and nothing here comes from a request's host.
import type { OutboxMail, RenderedMail } from './message.ts'

export function renderMail(mail: OutboxMail, productName: string): RenderedMail {
  switch (mail.kind) {
    case 'sign_in_code':
      return renderSignInCode(mail, productName)
    case 'token_reuse':
      return renderTokenReuse(mail, productName)
  }
}

function renderSignInCode(mail: Extract<OutboxMail, { kind: 'sign_in_code' }>, productName: string): RenderedMail {
  const lines = [
    `Your sign-in code for ${productName} is:`,
    `It is valid for ${mail.ttlMinutes} minutes and works once, where you asked for it.`,
    'We never ask for this code by phone or in a chat. If you did not ask for it, ignore this mail: nobody can sign in without the code.',
  ] as const
  return {
    to: mail.to,
    subject: `${mail.code} is your sign-in code`,
    text: `${lines[0]}\n\n    ${mail.code}\n\n${lines[1]}\n\n${lines[2]}\n`,
    html: page(
      'Your sign-in code',
      `<p>${escapeHtml(lines[0])}</p>
<p style="font:700 32px/1.2 ui-monospace,Menlo,Consolas,monospace;letter-spacing:.2em;margin:24px 0;user-select:all">${escapeHtml(mail.code)}</p>
<p>${escapeHtml(lines[1])}</p>
<p style="color:#5b6470">${escapeHtml(lines[2])}</p>`,
    ),
  }
}

function renderTokenReuse(mail: Extract<OutboxMail, { kind: 'token_reuse' }>, productName: string): RenderedMail {
  const lines = [
    `An old sign-in of yours at ${productName} was used a second time. That can mean that somebody copied it from a device, so we ended it everywhere.`,
    'You need to sign in again on that device. If you do not recognize what happened, check your devices and tell your administrator.',
  ] as const
  return {
    to: mail.to,
    subject: `We ended one of your ${productName} sign-ins`,
    text: `${lines[0]}\n\n${lines[1]}\n`,
    html: page('One of your sign-ins was ended', lines.map((line) => `<p>${escapeHtml(line)}</p>`).join('\n')),
  }
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title></head>
<body style="margin:0;padding:24px;background:#f4f5f7">
<div style="max-width:480px;margin:0 auto;padding:32px;background:#fff;border-radius:8px;color:#16202c;font:16px/1.5 system-ui,-apple-system,Segoe UI,sans-serif">
<h1 style="font-size:20px;margin:0 0 16px">${escapeHtml(title)}</h1>
${body}
</div></body></html>
`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
}
