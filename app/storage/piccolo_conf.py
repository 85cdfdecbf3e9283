"""Where Piccolo finds the engine and the tables; used by its migrations."""

from piccolo.conf.apps import AppRegistry

from app.storage.engine_in_use import ENGINE

DB = ENGINE
APP_REGISTRY = AppRegistry(apps=["app.process.tables"])
