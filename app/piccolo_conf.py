"""Where Piccolo finds the engine and the tables; used by its migrations."""

from piccolo.conf.apps import AppRegistry

from app.database import ENGINE

DB = ENGINE
APP_REGISTRY = AppRegistry(apps=["app.piccolo_app"])
