"""gRPC's own xDS client, driven line by line.

Starts two plain gRPC servers, prints their ports, then for each line on stdin (`call N`) makes N calls to
xds:///hello.tulle and prints a JSON object that counts the answers.
"""

import concurrent.futures
import json
import sys

import grpc


class Echo(grpc.GenericRpcHandler):
    """Answers every call with its own name."""

    def __init__(self, name):
        self.name = name.encode()

    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: self.name)


def serve(name):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), handlers=[Echo(name)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def main():
    servers = {name: serve(name) for name in ("blue", "green")}
    print(json.dumps({name: port for name, (_, port) in servers.items()}), flush=True)
    channel = grpc.insecure_channel("xds:///hello.tulle")
    say = channel.unary_unary("/tulle.Hello/Say")
    for line in sys.stdin:
        count = int(line.split()[1])
        answers = {}
        for _ in range(count):
            try:
                answer = say(b"", timeout=15, wait_for_ready=True).decode()
            except grpc.RpcError as error:
                answer = f"{error.code().name}: {error.details()}"
            answers[answer] = answers.get(answer, 0) + 1
        print(json.dumps(answers), flush=True)


main()
