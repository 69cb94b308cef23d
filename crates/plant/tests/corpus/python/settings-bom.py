"""
Django settings.

SECRET_KEY = 'not this one'
"""
import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# SECURITY WARNING: keep the secret key used in production secret!
SECRET_KEY = 'hunter2'
DEBUG = False
ALLOWED_HOSTS = [
    'shop.example',
]

DATABASES = {
    'default': {
        'ENGINE': 'django.db.backends.postgresql',
        'PASSWORD': os.environ.get('DB_PASSWORD', "it's"),
    }
}
TWILIO_FROM = 'main'
STATIC_URL = '/static/'

if DEBUG:
    INTERNAL_IPS = ['127.0.0.1']
    EMAIL_HOST = 'localhost'
