/** The defaults of every answer: ASVS 5.0 V3.4, OWASP HTTP Headers Cheat Sheet. */
const SECURITY_HEADERS = {
  "X-Frame-Options": "DENY",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "same-origin",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "Cache-Control": "no-store",
};

/** Headers to begin an answer with. To copy a prepared set costs less than to set ten headers. */
export function prepareHeaders(own: Record<string, string>): Headers {
  return new Headers({ ...SECURITY_HEADERS, ...own });
}

/** Adds the headers that the response does not set itself. */
export function addSecurityHeaders(headers: Headers): void {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) if (!headers.has(name)) headers.set(name, value);
}
