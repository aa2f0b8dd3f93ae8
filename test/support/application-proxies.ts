import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IDENTITY_HEADERS } from "./forwarding.ts";
import { until } from "./poll.ts";
import { start } from "./process.ts";

/** The ports of a site on this machine. */
export interface Ports {
  proxy: number;
  postern: number;
  application: number;
}

/** Under `/open/`, requests without a user reach the application too. */
const LOCATIONS = { "/": "", "/open/": "?anonymous=allow" };

const POSTERN_PATHS = "^/(login|logout|profile)/$";

const NGINX = "/usr/sbin/nginx";

const PROXIES = {
  nginx: {
    isInstalled: spawnSync(NGINX, ["-v"]).status === 0,
    file: "nginx.conf",
    configuration: nginx,
    command: (file: string) => [NGINX, "-c", file],
  },
  caddy: {
    isInstalled: spawnSync("caddy", ["version"]).status === 0,
    file: "Caddyfile",
    configuration: caddy,
    command: (file: string) => ["caddy", "run", "--config", file],
  },
};

export type ProxyName = keyof typeof PROXIES;

/** Whether a proxy is installed (Debian's packages `nginx-light` and `caddy`). */
export const isInstalled = (proxy: ProxyName): boolean => PROXIES[proxy].isInstalled;

/** A real proxy that asks Postern before each request to the application. */
export async function startProxy(name: ProxyName, ports: Ports): Promise<AsyncDisposable> {
  const { file, configuration, command } = PROXIES[name];
  const folder = await mkdtemp(join(tmpdir(), "postern-proxy-"));
  await writeFile(join(folder, file), configuration(ports, folder));
  const proxy = start(command(join(folder, file)), folder, { environment: { HOME: folder } });
  let hasEnded = false;
  proxy.ended.then(() => {
    hasEnded = true;
  });
  await until(`${name} answers`, () => {
    if (hasEnded) throw new Error(proxy.output.stdout + proxy.output.stderr);
    return fetch(`http://127.0.0.1:${ports.proxy}/profile/`).then(
      () => true,
      () => false,
    );
  });
  return {
    [Symbol.asyncDispose]: async () => {
      proxy.child.kill("SIGTERM");
      await proxy.ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function nginx({ proxy, postern, application }: Ports, folder: string): string {
  const snake = (name: string) => name.toLowerCase().replaceAll("-", "_");
  const locations = Object.entries(LOCATIONS).map(([path, query], index) => {
    const identity = IDENTITY_HEADERS.map(
      (name) => `
      auth_request_set $identity_${snake(name)} $upstream_http_${snake(name)};
      proxy_set_header ${name} $identity_${snake(name)};`,
    );
    return `
    location = /postern-${index} {
      internal;
      proxy_pass http://127.0.0.1:${postern}/auth/nginx/${query};
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header X-Original-Method $request_method;
      proxy_set_header X-Original-URL $scheme://$http_host$request_uri;
    }
    location ${path} {
      auth_request /postern-${index};${identity.join("")}
      proxy_set_header Host $http_host;
      proxy_pass http://127.0.0.1:${application};
    }`;
  });
  const folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `  ${name}_temp_path ${join(folder, name)};\n`,
  );
  return `
daemon off;
master_process off;
pid ${join(folder, "pid")};
error_log stderr;
events {}
http {
  access_log off;
${folders.join("")}
  server {
    listen 127.0.0.1:${proxy};
    location ~ ${POSTERN_PATHS} {
      proxy_pass http://127.0.0.1:${postern};
      proxy_set_header Host $http_host;
    }${locations.join("")}
  }
}
`;
}

function caddy({ proxy, postern, application }: Ports): string {
  const handles = Object.entries(LOCATIONS).map(
    ([path, query]) => `
  handle ${path}* {
    forward_auth 127.0.0.1:${postern} {
      uri /auth/caddy/${query}
      copy_headers ${IDENTITY_HEADERS.join(" ")}
    }
    reverse_proxy 127.0.0.1:${application}
  }`,
  );
  return `
{
  admin off
}
http://127.0.0.1:${proxy} {
  @postern path_regexp ${POSTERN_PATHS}
  handle @postern {
    reverse_proxy 127.0.0.1:${postern}
  }${handles.join("")}
}
`;
}
