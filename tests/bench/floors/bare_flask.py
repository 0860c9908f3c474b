"""The plain views: each stores what comes by one Core INSERT and one commit, and answers with a reference or a word."""

from __future__ import annotations

import os
import secrets
import uuid

from flask import Flask, Response, jsonify, make_response, request

from tests.bench.floors.plain import keep, open_engine

app = Flask("floor")
engine = open_engine(os.environ["FLOOR_DATABASE_URL"], pool_size=10)


@app.post("/form")
def take_form() -> Response:
    """Store a form as it is."""
    content = request.get_json()
    keep(engine, str(uuid.uuid4()), content["message"])
    return make_response(jsonify({"reference": secrets.token_hex(4)}), 202)


@app.post("/webhook")
def take_webhook() -> Response:
    """Store a delivery as it is, whoever sent it."""
    keep(engine, str(uuid.uuid4()), request.get_data(as_text=True))
    return make_response("ok\n")
