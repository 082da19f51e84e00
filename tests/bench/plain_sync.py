#!/usr/bin/env python3
"""The bar: the script one would write in a day instead of using the connector.

It copies a tenant from Microsoft Graph into three tables of a SQLite file. Everything that makes a sync trustworthy is
left out: no mapping, no checkpoints, no history, no proof that an answer was complete, no pacing by quota. What is left
is the least work that a sync can be.

    plain_sync.py GRAPH TOKEN_URL DATABASE [list|delta] [--again] [--conc N]

GRAPH is a base URL with the version, such as http://127.0.0.1:9000/v1.0. CLIENT_ID and CLIENT_SECRET come from the
environment. `list` reads users and groups page by page and then the members of each group, a call a group. `delta` reads
users/delta and groups/delta with members; with `--again` it goes on from the links of the last time.

aiohttp and orjson are used where they are installed. Without them it is urllib in threads and json, which is slower.
"""

import argparse
import asyncio
import os
import random
import sqlite3
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

try:
    import orjson

    decode, encode = orjson.loads, lambda value: orjson.dumps(value).decode()
except ImportError:
    import json

    decode, encode = json.loads, json.dumps

try:
    import aiohttp
except ImportError:
    aiohttp = None

USER = ["id", "displayName", "userPrincipalName", "mail", "accountEnabled"]
GROUP = ["id", "displayName", "description", "mailNickname", "securityEnabled", "groupTypes"]
TYPE = len("#microsoft.graph.")
TRIES = 8


class Http:
    """GET and POST with a bound on how many are under way, over whichever client there is."""

    def __init__(self, at_once):
        self.turn = asyncio.Semaphore(at_once)
        self.at_once = at_once

    async def __aenter__(self):
        if aiohttp:
            self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=self.at_once))
        else:
            self.threads = ThreadPoolExecutor(self.at_once)
        return self

    async def __aexit__(self, *_):
        if aiohttp:
            await self.session.close()
        else:
            self.threads.shutdown()

    async def call(self, url, headers, form=None):
        """Status, headers, body. Status 0 is a broken line."""
        async with self.turn:
            if aiohttp:
                try:
                    method = "GET" if form is None else "POST"
                    async with self.session.request(method, url, headers=headers, data=form) as answer:
                        return answer.status, answer.headers, await answer.read()
                except (aiohttp.ClientError, asyncio.TimeoutError):
                    return 0, {}, b""
            return await asyncio.get_running_loop().run_in_executor(self.threads, self.block, url, headers, form)

    @staticmethod
    def block(url, headers, form):
        body = urllib.parse.urlencode(form).encode() if form is not None else None
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()
        except OSError:
            return 0, {}, b""


class Graph:
    def __init__(self, http, base, token_url):
        self.http, self.base, self.token_url, self.headers = http, base, token_url, {}

    async def sign_in(self):
        form = {
            "grant_type": "client_credentials",
            "client_id": os.environ.get("CLIENT_ID", ""),
            "client_secret": os.environ.get("CLIENT_SECRET", ""),
            "scope": "https://graph.microsoft.com/.default",
        }
        status, _, body = await self.http.call(self.token_url, {}, form)
        if status != 200:
            raise SystemExit(f"no token: {status} {body[:300]}")
        self.headers = {"Authorization": "Bearer " + decode(body)["access_token"]}

    async def get(self, url):
        for tried in range(TRIES):
            status, headers, body = await self.http.call(url, self.headers)
            if status == 200:
                return decode(body)
            if status == 401:
                await self.sign_in()
            elif status in (0, 429) or status >= 500:
                asked = headers.get("Retry-After")
                await asyncio.sleep(float(asked) if asked else random.uniform(0, min(30, 2**tried)))
            else:
                raise SystemExit(f"{status} for {url}: {body[:300]}")
        raise SystemExit(f"{url} failed {TRIES} times")

    async def pages(self, url):
        while url:
            page = await self.get(url)
            yield page
            url = page.get("@odata.nextLink")


class Store:
    def __init__(self, path):
        self.db = sqlite3.connect(path)
        self.db.executescript(
            """
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = NORMAL;
            CREATE TABLE IF NOT EXISTS user (id TEXT PRIMARY KEY, name, principal, mail, enabled);
            CREATE TABLE IF NOT EXISTS "group" (id TEXT PRIMARY KEY, name, description, nickname, security, types);
            CREATE TABLE IF NOT EXISTS member (
                group_id TEXT, member_id TEXT, kind TEXT, PRIMARY KEY (group_id, member_id)) WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS link (of TEXT PRIMARY KEY, url TEXT);
            """
        )

    @staticmethod
    def row(record, keys):
        values = map(record.get, keys)
        return [encode(value) if isinstance(value, (list, dict)) else value for value in values]

    def users(self, records):
        rows = [self.row(record, USER) for record in records]
        self.db.executemany("REPLACE INTO user VALUES (?, ?, ?, ?, ?)", rows)

    def groups(self, records):
        rows = [self.row(record, GROUP) for record in records]
        self.db.executemany('REPLACE INTO "group" VALUES (?, ?, ?, ?, ?, ?)', rows)

    def join(self, group, members):
        rows = [(group, member["id"], member["@odata.type"][TYPE:]) for member in members]
        self.db.executemany("REPLACE INTO member VALUES (?, ?, ?)", rows)

    def leave(self, group, members):
        rows = [(group, member["id"]) for member in members]
        self.db.executemany("DELETE FROM member WHERE group_id = ? AND member_id = ?", rows)

    def forget(self, table, records):
        ids = [(record["id"],) for record in records]
        self.db.executemany(f'DELETE FROM "{table}" WHERE id = ?', ids)
        if table == "group":
            self.db.executemany("DELETE FROM member WHERE group_id = ?", ids)

    def keep_link(self, of, page):
        if link := page.get("@odata.deltaLink"):
            self.db.execute("REPLACE INTO link VALUES (?, ?)", (of, link))

    def links(self):
        return dict(self.db.execute("SELECT of, url FROM link"))


def parted(records):
    gone = [record for record in records if "@removed" in record]
    return [record for record in records if "@removed" not in record], gone


async def by_listing(graph, store, at_once):
    groups = []

    async def all_users():
        async for page in graph.pages(f"{graph.base}/users?$top=999&$select={','.join(USER)}"):
            store.users(page["value"])

    async def all_groups():
        async for page in graph.pages(f"{graph.base}/groups?$top=999&$select={','.join(GROUP)}"):
            store.groups(page["value"])
            groups.extend(group["id"] for group in page["value"])

    async def members():
        while groups:
            group = groups.pop()
            async for page in graph.pages(f"{graph.base}/groups/{group}/members?$top=999&$select=id"):
                store.join(group, page["value"])

    await asyncio.gather(all_users(), all_groups())
    await asyncio.gather(*(members() for _ in range(at_once)))


async def by_delta(graph, store, again):
    links = store.links() if again else {}

    async def users():
        async for page in graph.pages(links.get("users", f"{graph.base}/users/delta?$select={','.join(USER)}")):
            here, gone = parted(page["value"])
            store.users(here)
            store.forget("user", gone)
            store.keep_link("users", page)

    async def groups():
        async for page in graph.pages(links.get("groups", f"{graph.base}/groups/delta?$select={','.join(GROUP)},members")):
            here, gone = parted(page["value"])
            store.groups(here)
            store.forget("group", gone)
            for group in here:
                joined, left = parted(group.get("members@delta", ()))
                store.join(group["id"], joined)
                store.leave(group["id"], left)
            store.keep_link("groups", page)

    await asyncio.gather(users(), groups())


async def main():
    parser = argparse.ArgumentParser(description="Copies a tenant into a SQLite file, plainly.")
    parser.add_argument("graph")
    parser.add_argument("token_url")
    parser.add_argument("database")
    parser.add_argument("mode", nargs="?", choices=["list", "delta"], default="list")
    parser.add_argument("--again", action="store_true", help="go on from the delta links of the last time")
    parser.add_argument("--conc", type=int, default=16, help="requests under way at the same time")
    given = parser.parse_args()
    store = Store(given.database)
    async with Http(given.conc) as http:
        graph = Graph(http, given.graph, given.token_url)
        await graph.sign_in()
        if given.mode == "list":
            await by_listing(graph, store, given.conc)
        else:
            await by_delta(graph, store, given.again)
    store.db.commit()


asyncio.run(main())
