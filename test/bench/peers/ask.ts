/** What a peer does with the requests that Postern gets. */
export interface Answers {
  profile: () => Response | Promise<Response>;
  /** Whether the password is right; null if the peer has no login. */
  login: ((password: string) => Promise<boolean>) | null;
}

/** As long as Postern's, so that the requests have the same length. */
const COOKIES = [`csrftoken=${"a".repeat(32)}; Path=/`, `sessionid=${"b".repeat(32)}; Path=/; HttpOnly`];

/** Answers `GET /profile/` and `POST /login/` on the port that the first argument names. */
export function answerAsked({ profile, login }: Answers): void {
  Bun.serve({
    hostname: "127.0.0.1",
    port: Number(process.argv[2]),
    development: false,
    fetch: async (request) => {
      if (request.method === "GET") return profile();
      const { password } = await request.json();
      if (login !== null && !(await login(password))) return new Response(null, { status: 400 });
      return new Response(null, { status: 202, headers: COOKIES.map((cookie) => ["Set-Cookie", cookie]) });
    },
  });
}
